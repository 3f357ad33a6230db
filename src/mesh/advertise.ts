import type { HostNetwork } from '../ports/host-network.ts'
import { formatMeshAddress } from './mesh-address.ts'

/**
 * Where others find a listener, `host:port`, best first: what is written, else what it is bound to, else all addresses of the machine of
 * the families it listens on. A machine without a network has its loopback.
 */
export function addressesOf(
  listening: { readonly host: string; readonly port: number },
  written: readonly string[],
  network: HostNetwork,
): readonly string[] {
  if (written.length > 0) return written
  const { host, port } = listening
  const isAny = host === '0.0.0.0' || host === '::' || host === ''
  if (!isAny) return [formatMeshAddress(host, port)]
  const found = network.addresses().filter(address => host !== '0.0.0.0' || !address.includes(':'))
  return (found.length > 0 ? found : ['127.0.0.1']).map(address => formatMeshAddress(address, port))
}
