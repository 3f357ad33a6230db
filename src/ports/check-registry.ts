/**
 * Never asked of anybody: the mirror makes images under this name itself, so that a whole pull can be tried without any registry.
 */
export const checkRegistry = 'holdfast.check'
