export const parametersQuery: string
export function parameterTableText(
  rowsByMajor: ReadonlyMap<number, readonly { name: string; definition: string }[]>,
): string
