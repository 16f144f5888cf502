/** Addresses of one family: an address matches when it has the bits of `address` wherever `mask` has a one. */
export interface Network {
  /** 4 bytes of IPv4, 16 of IPv6. */
  address: readonly number[]
  /** As many bytes; its ones need not stand together. */
  mask: readonly number[]
}

/**
 * The bytes of a numeric address as getaddrinfo() with AI_NUMERICHOST reads it: IPv6, and IPv4 as inet_aton() does, so
 * that `127.1` and `0x7f.1` are addresses too. Undefined for anything else, which is then a host name.
 */
export function parseAddress(text: string): number[] | undefined {
  return text.includes(':') ? parseVersion6(text) : parseVersion4(text)
}

/** The mask of a prefix length, for addresses of `bytes` bytes. */
export function prefixMask(length: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => {
    const ones = Math.min(8, Math.max(0, length - index * 8))
    return (0xff << (8 - ones)) & 0xff
  })
}

/** The length of a prefix, or undefined for a mask whose ones do not stand together at its start. */
export function prefixLength({ mask }: Network): number | undefined {
  const bits = mask.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined
}

/** Whether every address of `inner` is one of `outer`. */
export function containsNetwork(outer: Network, inner: Network): boolean {
  if (outer.address.length !== inner.address.length) return false
  return outer.mask.every((ones, index) => {
    const own = outer.address[index] ?? 0
    const other = inner.address[index] ?? 0
    return (ones & ~(inner.mask[index] ?? 0)) === 0 && ((own ^ other) & ones) === 0
  })
}

/** As pg_hba_file_rules prints it: dotted IPv4, IPv6 with its longest run of zeros left out. */
export function formatAddress(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
  const run = longestZeros(groups)
  const isVersion4 = run.start === 0 && (run.length === 6 || (run.length === 5 && groups[5] === 0xffff))
  const words = groups.map((group) => group.toString(16))
  if (isVersion4) words.splice(6, 2, bytes.slice(12).join('.'))
  if (run.length < 2) return words.join(':')
  return `${words.slice(0, run.start).join(':')}::${words.slice(run.start + run.length).join(':')}`
}

/** `10.0.0.0/8`; address and mask where no prefix says it. */
export function formatNetwork(network: Network): string {
  const address = formatAddress(network.address)
  const length = prefixLength(network)
  return length === undefined ? `${address} ${formatAddress(network.mask)}` : `${address}/${length}`
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0
    if (length > best.length) best = { start: index - length + 1, length }
  }
  return best
}

function parseVersion4(text: string): number[] | undefined {
  const parts = text.split('.').map(parseNumber)
  if (parts.length > 4) return undefined
  const bytes: number[] = []
  for (const [index, part] of parts.entries()) {
    // The last part fills all the bytes that are left.
    const size = index === parts.length - 1 ? 4 - index : 1
    if (part === undefined || part >= 256 ** size) return undefined
    for (let shift = size - 1; shift >= 0; shift--) bytes.push(Math.floor(part / 256 ** shift) % 256)
  }
  return bytes
}

function parseNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16)
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8)
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined
}

function parseVersion6(text: string): number[] | undefined {
  const [literal = '', zone, ...rest] = text.split('%')
  if (rest.length > 0 || (zone !== undefined && !/^\d+$/.test(zone))) return undefined
  const halves = literal.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1))
  if (head === undefined) return undefined
  if (halves.length === 1) return head.length === 16 ? head : undefined
  if (tail === undefined || head.length + tail.length > 14) return undefined
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail]
}

/** The bytes of groups between colons; only the last of the address may be dotted. */
function parseGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    const dotted = isLast && index === groups.length - 1 ? parseDotted(group) : undefined
    if (dotted === undefined && !/^[0-9a-f]{1,4}$/i.test(group)) return undefined
    const value = Number.parseInt(group, 16)
    bytes.push(...(dotted ?? [value >> 8, value & 0xff]))
  }
  return bytes
}

function parseDotted(text: string): number[] | undefined {
  const parts = text.split('.')
  const isDotted = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  return isDotted ? parts.map(Number) : undefined
}
