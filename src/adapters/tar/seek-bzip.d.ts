declare module 'seek-bzip' {
  interface Input {
    readByte(): number
    read(buffer: Uint8Array, at: number, length: number): number
    eof(): boolean
  }
  interface Output {
    writeByte(byte: number): void
  }
  const Bunzip: { decode(input: Input, output: Output, isMultistream: boolean): unknown }
  // biome-ignore lint/style/noDefaultExport: as the library has it
  export default Bunzip
}
