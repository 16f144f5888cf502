import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readGooseScript } from './goose-script.ts'

/** The text of both directions, or the reason of the refusal. */
function read(text: string): unknown {
  const script = readGooseScript(text)
  if ('refused' in script) return script.refused
  const { mode, up, down } = script
  return { mode, up: text.slice(up.start, up.end), ...(down && { down: text.slice(down.start, down.end) }) }
}

describe('readGooseScript', () => {
  it('gives each direction as a stretch of the file', () => {
    expect(read('-- made by hand\n\n-- +goose Up\nCREATE TABLE t (a int);\n\n-- +goose Down\nDROP TABLE t;\n')).toEqual(
      {
        mode: 'transaction',
        up: 'CREATE TABLE t (a int);\n\n',
        down: 'DROP TABLE t;\n',
      },
    )
  })

  it('needs no Down, no statement and no last newline', () => {
    expect(read('-- +goose Up')).toEqual({ mode: 'transaction', up: '' })
    expect(read('-- +goose Up\nSELECT 1;')).toEqual({ mode: 'transaction', up: 'SELECT 1;' })
    expect(read('-- +goose Up\n-- +goose Down\n')).toEqual({ mode: 'transaction', up: '', down: '' })
  })

  it.each([
    '-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n',
    '-- +goose Up\n-- +goose no transaction\nSELECT 1;\n',
    '-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n--+goose No Transaction\n',
  ])('runs the whole file without a transaction when it says so anywhere: %j', (text) => {
    expect(read(text)).toMatchObject({ mode: 'statement' })
  })

  it('takes an annotation in any case and with any space around it', () => {
    expect(read('--+goose   uP  \nSELECT 1;\n-- --   +goose DOWN --\nSELECT 2;\n')).toMatchObject({
      down: 'SELECT 2;\n',
    })
  })

  it('leaves blocks in the text, where they are comments', () => {
    const up =
      '-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int AS $$\nSELECT 1\n$$ LANGUAGE sql\n-- +goose StatementEnd\n'
    expect(read(`-- +goose Up\n${up}-- +goose ENVSUB OFF\n`)).toMatchObject({ up: `${up}-- +goose ENVSUB OFF\n` })
  })

  it.each([
    ['SELECT 1;\n', 'bad-annotation', 1],
    ['\n\n', 'bad-annotation', 1],
    ['', 'bad-annotation', 1],
    ['-- +goose Down\nSELECT 1;\n', 'bad-annotation', 1],
    ['SELECT 1;\n-- +goose Up\n', 'bad-annotation', 1],
    ['-- +goose Up\n-- +goose Up\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- +goose Down\n-- +goose Down\n', 'bad-annotation', 3],
    ['-- +goose StatementBegin\n-- +goose Up\n', 'bad-annotation', 1],
    ['-- +goose Up\n-- +goose StatementEnd\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n', 'bad-annotation', 3],
    ['-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\n', 'bad-annotation', 4],
    ['-- +goose Up\n -- +goose NO TRANSACTION\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- +goose\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- +goose Upp\n', 'bad-annotation', 2],
    ['-- +goose Up\n-- as in +goose Up +goose\n', 'bad-annotation', 2],
    ['-- +goose Up\nSELECT\n-- see +goose\n1;\n', 'bad-annotation', 3],
    ['-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;\n', 'unfinished-statement', 2],
    ['-- +goose Up\nSELECT 1;\n\nSELECT 2 --;\n', 'unfinished-statement', 4],
    ['-- +goose Up\nSELECT 1; /* two */\n', 'unfinished-statement', 2],
    ['-- +goose Up\n-- +goose ENVSUB ON\nSELECT ${A};\n', 'unsupported-annotation', 2],
  ])('refuses %j as goose does', (text, code, line) => {
    expect(read(text)).toMatchObject({ code, line })
  })

  it.each(['SELECT 1; -- one\n', 'SELECT\n  1\n  ;\n', '-- only a comment\n', '  \n\t\n', 'SELECT 1;;\n'])(
    'takes %j for finished',
    (up) => {
      expect(read(`-- +goose Up\n${up}`)).toEqual({ mode: 'transaction', up })
    },
  )

  it('lets the last statement of a Down stay unfinished: it does not hinder the way up', () => {
    expect(read('-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2\n')).toMatchObject({ down: 'SELECT 2\n' })
  })

  it('finds again whatever statements a file was made of', () => {
    const statements = fc.array(fc.constantFrom('SELECT 1;\n', '\n', '-- note\n', 'SELECT\n 2;\n', "SELECT '😀';\n"))
    fc.assert(
      fc.property(statements, statements, (ups, downs) => {
        const up = ups.join('')
        const down = downs.join('')
        expect(read(`-- +goose Up\n${up}-- +goose Down\n${down}`)).toEqual({ mode: 'transaction', up, down })
      }),
    )
  })
})
