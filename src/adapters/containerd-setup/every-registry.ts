/** What containerd calls every registry that has no directory of its own. */
export const everyRegistry = '_default'

/** The name under which containerd looks for what configuration and `registries.yaml` call so: there, `*` is every registry. */
export const hostsName = (key: string): string => (key === '*' ? everyRegistry : key)

/** The other way round. */
export const keyOf = (name: string): string => (name === everyRegistry ? '*' : name)
