// Source of all of this: PostgreSQL manual, "Message Formats".

/**
 * Cuts a stream into messages: a letter, unless it is the first one of a client, and a length that counts itself.
 * @param take Gets the letter, and the whole message; the first one of a client has no letter.
 */
export function splitMessages(
  first: 'startup' | 'typed',
  take: (letter: string, message: Buffer) => void,
): (chunk: Buffer) => void {
  let typed = first === 'typed'
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const start = typed ? 1 : 0
      if (rest.length < start + 4) return
      const length = start + rest.readUInt32BE(start)
      if (rest.length < length) return
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      const letter = typed ? message.toString('latin1', 0, 1) : ''
      typed = true
      take(letter, message)
    }
  }
}

/** Of a Query message. */
export function queryText(message: Buffer): string {
  return message.toString('utf8', 5, message.length - 1)
}

/** Of a Parse message: a name comes before it. */
export function statementText(message: Buffer): string {
  const start = message.indexOf(0, 5) + 1
  return message.toString('utf8', start, message.indexOf(0, start))
}

/** Of a Bind message: two names come before them, and how each is written. */
export function bindParameters(message: Buffer): (string | null)[] {
  let at = message.indexOf(0, message.indexOf(0, 5) + 1) + 1
  at += 2 + 2 * message.readUInt16BE(at)
  const count = message.readUInt16BE(at)
  at += 2
  return Array.from({ length: count }, () => {
    const length = message.readInt32BE(at)
    at += 4
    if (length < 0) return null
    at += length
    return message.toString('utf8', at - length, at)
  })
}
