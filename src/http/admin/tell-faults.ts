import { IsObject, type TObject, type TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** What is wrong with one value. */
type ValueFault = ReturnType<typeof Value.Errors>[number]

/** Of a name that somebody made up, in characters, and how many of them are told. */
const maxName = 60
const maxNames = 5

/**
 * What is wrong with a value, for who sent it: each part with what it may be, of eight faults at the most. Values are not told, for they may
 * be secrets.
 * @param whole what the value is, as in `the body`
 * @param within where its parts are, as in `pins[0].`
 */
export function tellFaults(schema: TSchema, value: unknown, whole: string, within = ''): string {
  const faults = Value.Errors(schema, value)
  const told = faults.flatMap(fault => {
    const text = tell(fault, faults)
    const place = placeOf(fault)
    return text === undefined ? [] : [`${place === '' ? whole : within + place} ${text}`]
  })
  return [...new Set([...tellNames(schema, value, whole), ...told])].join('; ')
}

/** Of names that a value has and its schema does not, where that allows no others. */
function tellNames(schema: TSchema, value: unknown, whole: string): readonly string[] {
  const isClosed =
    IsObject(schema) && 'additionalProperties' in schema && schema.additionalProperties === false
  if (!isClosed || typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const unknown = Object.keys(value).filter(name => !Object.hasOwn(schema.properties, name))
  return unknown.length > 0 ? [tellUnknown(unknown, schema, whole)] : []
}

/** Names that something does not have, and those that it has. */
export function tellUnknown(
  names: readonly string[],
  { properties }: TObject,
  whole: string,
): string {
  const known = Object.keys(properties)
  const cure = known.length === 0 ? 'it takes nothing' : `it may have ${known.join(', ')}`
  return `${whole} ${hasUnknown(names)}: ${cure}`
}

const hasUnknown = (names: readonly string[]): string => {
  const shown = names.slice(0, maxNames).map(name => JSON.stringify(name.slice(0, maxName)))
  return `has an unknown ${shown.join(', ')}`
}

/** `pins[0].digest`, or nothing for the whole. */
const placeOf = ({ instancePath }: ValueFault): string =>
  instancePath
    .slice(1)
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')

/** Reads on from the place; `undefined`: another fault says it. */
function tell(fault: ValueFault, all: readonly ValueFault[]): string | undefined {
  switch (fault.keyword) {
    case 'type':
      return `must be ${[fault.params.type].flat().map(nameOfType).join(' or ')}`
    case 'enum':
      return oneOf(fault.params.allowedValues)
    case 'const':
      return oneOf(constantsAt(fault.instancePath, all))
    case 'required':
      return `lacks ${fault.params.requiredProperties.join(', ')}`
    case 'minimum':
      return `must be ${fault.params.limit} or more`
    case 'maximum':
      return `must be ${fault.params.limit} or less`
    case 'minLength':
      return `must have ${fault.params.limit} characters or more`
    case 'maxLength':
      return `must have ${fault.params.limit} characters or fewer`
    case 'minItems':
      return `must have ${fault.params.limit} items or more`
    case 'maxItems':
      return `must have ${fault.params.limit} items or fewer`
    case 'format':
      return fault.params.format === 'date-time'
        ? 'must be a time, as in 2026-11-29T08:00:00Z'
        : fault.message
    case 'additionalProperties':
      return fault.instancePath === '' ? undefined : hasUnknown(fault.params.additionalProperties)
    case 'anyOf': // its constants are told
    case 'boolean': // so are names that are unknown
      return undefined
    default:
      return fault.message
  }
}

/** All that may stand at a place where one of several constants must. */
const constantsAt = (path: string, all: readonly ValueFault[]): readonly unknown[] =>
  all.flatMap(one =>
    one.keyword === 'const' && one.instancePath === path ? [one.params.allowedValue] : [],
  )

const oneOf = (values: readonly unknown[]): string =>
  `must be ${values.length === 1 ? '' : 'one of '}${values.join(', ')}`

const nameOfType = (type: string): string => typeNames[type] ?? type

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
}
