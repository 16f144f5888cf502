/** A stretch of a file, in UTF-16 offsets of its decoded text, end exclusive. */
export interface TextPlace {
  /** Relative to the repository, `/` as separator. */
  file: string
  /** The decoded text of the whole file. */
  text: string
  span: { start: number; end: number }
}
