import { HoldfastError } from '../../ports/errors.ts'

/**
 * The repository's name as an endpoint knows it: the first rule whose pattern changes it applies, as in K3s' `registries.yaml`.
 * @param rules regular expression → replacement with `$1` or `${1}`; checked by {@link checkRewrite} beforehand
 */
export function rewriteRepository(
  repository: string,
  rules: Readonly<Record<string, string>>,
): string {
  for (const [pattern, replacement] of Object.entries(rules)) {
    const changed = repository.replace(
      new RegExp(pattern, 'g'),
      replacement.replace(/\$\{(\w+)\}/g, '$$$1'),
    )
    if (changed !== repository) return changed
  }
  return repository
}

/** @throws HoldfastError `config-invalid` for a pattern that is no regular expression; `at` names where it is written */
export function checkRewrite(rules: Readonly<Record<string, string>>, at: string): void {
  for (const pattern of Object.keys(rules)) {
    try {
      new RegExp(pattern)
    } catch (cause) {
      const message = `${at}: "${pattern}" is not a regular expression`
      throw new HoldfastError('config-invalid', message, cause)
    }
  }
}
