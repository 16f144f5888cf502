import pg from 'pg'

const url = process.env['DATABASE_URL'] ?? 'postgres://shop:shop-Not-A-Secret-1@db.shop.internal:6432/shop'

export const pool = new pg.Pool({
  connectionString: url,
  max: 50,
  statement_timeout: 10_000,
  ssl: { rejectUnauthorized: false },
})

pool.on('connect', (client) => {
  void client.query("SET search_path = shop, public; SET work_mem = '256MB'")
})

/** Runs `work` in a transaction. */
export async function transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  await client.query('BEGIN')
  const result = await work(client)
  await client.query('COMMIT')
  client.release()
  return result
}
