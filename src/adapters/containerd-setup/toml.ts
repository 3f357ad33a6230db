import { parse, TomlError } from 'smol-toml'

/** A table of a TOML file. */
export type Table = Readonly<Record<string, unknown>>

export const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads a file; what is no TOML is told by its line. */
export function parseToml(text: string): { readonly toml: Table } | { readonly problem: string } {
  try {
    return { toml: parse(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    return { problem: `line ${error.line} is no TOML` }
  }
}

/** A text as a file has it: what JSON escapes, TOML reads. */
export const quoted = (text: string): string => JSON.stringify(text)
