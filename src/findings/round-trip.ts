/** What came of running a migration's up section, its down section, and up again on a shadow. */
export type RoundTrip =
  | {
      status: 'completed'
      /** How the schema after down differs from the one before up. */
      afterDown: SchemaDifference[]
      /** How the schema after the second up differs from the one after the first. */
      afterUp: SchemaDifference[]
    }
  /** PostgreSQL refused a statement of the down section, or of the up section when it ran again. */
  | {
      status: 'failed'
      section: 'down' | 'up'
      /** Index of the statement in its section. */
      statement: number
      /** PostgreSQL's message. */
      cause: string
      sqlstate?: string
      /** As above; empty when down failed. */
      afterDown: SchemaDifference[]
    }
  /** `needs`: what would decide it, in words that follow "needs". */
  | { status: 'unknown'; needs: string }

/** One object that differs between two schemas that should be the same. */
export interface SchemaDifference {
  /** As a catalog names it, or `column`. */
  objectType: string
  /** Qualified and quoted as PostgreSQL prints it. */
  name: string
  change: 'added' | 'removed' | 'changed'
}
