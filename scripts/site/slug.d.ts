export function slug(text: string): string
export function headingIds(text: string): string[]
