/** src/rules/registry.ts as the folder listing demands it. Default: this repository's folder. */
export function registryText(rulesFolder?: string): string
