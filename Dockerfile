# The image that `npm run image` makes, with a container engine: the same files, out of the same pinned packages (image/inputs.json).
#   docker build --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) --build-arg REVISION=$(git rev-parse HEAD) -t holdfast .

# Nothing of it gets into the image. Any Debian with Node and npm will do; give one with its digest to have it fixed as well.
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim

FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ARG TARGETARCH=amd64
ARG SOURCE_DATE_EPOCH=0
ARG REVISION
# An archive of Debian packages, where another one than that of the build image is to be asked.
ARG DEBIAN
WORKDIR /build
COPY . .
RUN npm ci --no-audit --no-fund
# COPY below makes everything root's: what is not comes apart.
RUN SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH HOLDFAST_REVISION=$REVISION \
    npm run -s image -- --root-fs /image --arch "$TARGETARCH" ${DEBIAN:+--debian "$DEBIAN"} \
    && mkdir /own && mv /image/var/lib/holdfast /own/

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /own/ /var/lib/
ENV PATH=/usr/bin HOLDFAST_CONFIG=/etc/holdfast/holdfast.yaml
WORKDIR /var/lib/holdfast
USER 65532:65532
ENTRYPOINT ["/usr/bin/holdfast"]
CMD ["serve"]
ARG REVISION
LABEL org.opencontainers.image.title=holdfast \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.revision=$REVISION
