/** A copy of plain data with every text in it replaced. Keys and numbers stay. */
export function withTexts<T>(value: T, replace: (text: string) => string): T {
  const visit = (one: unknown): unknown => {
    if (typeof one === 'string') return replace(one)
    if (Array.isArray(one)) return one.map(visit)
    if (typeof one === 'object' && one !== null)
      return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, visit(inner)]))
    return one
  }
  return visit(value) as T
}
