/** `10.0.0.1:5053`, `[fd00::1]:5053` */
export function formatMeshAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
