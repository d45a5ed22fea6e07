/** Names and texts that a shell, a parser or a terminal could stumble over. */
export const HOSTILE = [
  'with blank',
  "quote's",
  'double"quote',
  '$(touch pwned)',
  '`touch pwned`',
  'new\nline',
  'tab\tback\\slash\\n',
  '*?[a]',
  'ünï ☃ \u202e',
  '-rf',
  '--',
  '%s%d',
  '\x1e\x1d\x1b[31m',
  '; rm -rf .',
  '~',
] as const

export const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
/** Not UTF-8, and longer than what a pipe or a line takes. */
export const LARGE = Buffer.concat(Array.from({ length: 1200 }, () => EVERY_BYTE))
