import { stringify } from 'yaml'

/**
 * A result as YAML. In a file of its own, which is loaded only where it is wanted: a CommonJS package that is imported lazily comes out of the
 * bundle without its names.
 */
export const writeYaml = (value: unknown): string => stringify(value)
