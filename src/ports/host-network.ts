/** What the machine says of its own network. */
export interface HostNetwork {
  /** Addresses of its interfaces that others may reach, IPv4 first; none of loopback or a link's own. */
  addresses(): readonly string[]
}
