/**
 * Without what would move the cursor, colour, or turn the direction of what is read: texts come from other operators and other nodes. Ends of
 * lines stay.
 */
export const plainText = (text: string): string =>
  text.replaceAll(/(?!\n)[\p{Cc}\p{Bidi_Control}]+/gu, '�')

/** The same in one line. */
export const plainLine = (text: string): string => plainText(text.replaceAll(/[\r\n]+/g, ' '))
