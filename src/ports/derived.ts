/** What is made of a value that its holder replaces and never changes: made anew when another stands in its place, and else the same again. */
export function derived<Source, Made>(
  source: () => Source,
  make: (value: Source) => Made,
): () => Made {
  let last: { readonly value: Source; readonly made: Made } | undefined
  return () => {
    const value = source()
    if (last === undefined || last.value !== value) last = { value, made: make(value) }
    return last.made
  }
}
