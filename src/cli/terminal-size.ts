/**
 * Size of a terminal, in characters; `undefined`: it is none. A serial console is a terminal that tells no size, 0 by 0: taken for the 80 by 24
 * that all have.
 */
export function terminalSize({
  isTTY,
  columns,
  rows,
}: {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}): { readonly columns: number; readonly rows: number } | undefined {
  return isTTY === true ? { columns: columns || 80, rows: rows || 24 } : undefined
}
