/**
 * A change that mends a finding. `safe` may be made without asking, `review` is shown to a person first.
 * Neither ever edits a released file.
 */
export interface Fix {
  title: string
  safety: 'safe' | 'review'
  edits: TextEdit[]
  newFiles: NewFile[]
}

/** Replaces `start` to `end` (UTF-16 offsets into the file's text, end exclusive) by `text`. */
export interface TextEdit {
  file: string
  start: number
  end: number
  text: string
}

export interface NewFile {
  file: string
  text: string
}

/**
 * The text after the edits.
 * @throws RangeError when two edits overlap or one lies outside the text: a defect in the rule that made them.
 */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const ordered = [...edits].sort((a, b) => b.start - a.start || b.end - a.end)
  let result = text
  let floor = text.length
  for (const edit of ordered) {
    if (edit.start < 0 || edit.end < edit.start || edit.end > floor) {
      throw new RangeError(`edit ${edit.start}..${edit.end} overlaps another or leaves the text`)
    }
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end)
    floor = edit.start
  }
  return result
}
