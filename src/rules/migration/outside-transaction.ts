/** How a tool is told to send a statement with no transaction around it, as a sentence. */
export function outsideTransaction(layout: string): string {
  switch (layout) {
    case 'goose':
      return 'Begin the file with the line -- +goose NO TRANSACTION.'
    case 'atlas':
      return 'Begin the file with the line -- atlas:txmode none and an empty line.'
    case 'sqlx':
      return 'Move it to a migration of its own that begins with the line -- no-transaction.'
    case 'dbmate':
      return 'Move it to a migration of its own whose section begins with -- migrate:up transaction:false.'
    case 'flyway':
      return (
        'Move it to a migration of its own; where Flyway does not see by itself that it needs no transaction, with ' +
        'executeInTransaction=false in a file of the same name and .conf.'
      )
    default:
      return 'Move it to a migration of its own.'
  }
}

/** An edit by which a file of one statement says that it is sent with no transaction around it. */
export interface OutsideTransactionEdit {
  /** What it does, as a sentence. */
  says: string
  /** Offset in the file. */
  at: number
  text: string
}

/** Undefined where the file itself cannot say so, or not by one more line. */
export function outsideTransactionEdit(layout: string, text: string): OutsideTransactionEdit | undefined {
  switch (layout) {
    case 'goose':
      return { says: outsideTransaction(layout), at: 0, text: '-- +goose NO TRANSACTION\n' }
    case 'atlas':
      // Directives that are there would need the new one among them.
      return text.startsWith('-- atlas:')
        ? undefined
        : { says: outsideTransaction(layout), at: 0, text: '-- atlas:txmode none\n\n' }
    case 'sqlx':
      return { says: 'Begin the file with the line -- no-transaction.', at: 0, text: '-- no-transaction\n' }
    case 'dbmate': {
      const directive = /^--[ \t]*migrate:up(?=[ \t]*$)/m.exec(text)
      if (directive === null) return undefined
      const says = 'Write -- migrate:up transaction:false.'
      return { says, at: directive.index + directive[0].length, text: ' transaction:false' }
    }
    default:
      return undefined
  }
}
