/** How this node treats upstreams: ask when it helps, never ask, or always ask. */
export type Mode = 'auto' | 'offline' | 'online'
