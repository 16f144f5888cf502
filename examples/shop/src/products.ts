import { pool } from './database.ts'

export interface Product {
  id: number
  sku: string
  name: string
  price: string
}

const pageSize = 50

export async function listProducts(page: number): Promise<Product[]> {
  const { rows } = await pool.query<Product>(
    'SELECT id, sku, name, price FROM products ORDER BY created_at DESC LIMIT $1 OFFSET $2',
    [pageSize, page * pageSize],
  )
  return rows
}

export async function productsWithTag(tag: string, sort: string): Promise<Product[]> {
  const { rows } = await pool.query<Product>(
    `SELECT id, sku, name, price FROM products WHERE tags @> ARRAY[$1] ORDER BY ${sort}`,
    [tag],
  )
  return rows
}

export async function searchProducts(words: string): Promise<Product[]> {
  const { rows } = await pool.query<Product>({
    name: 'search-products',
    text: "SELECT id, sku, name, price FROM products WHERE search @@ websearch_to_tsquery('english', $1) LIMIT 20",
    values: [words],
  })
  return rows
}

/** Imports the supplier's price list; only one import may run at a time. */
export async function importPrices(prices: ReadonlyMap<string, string>): Promise<void> {
  await pool.query("SELECT pg_advisory_lock(hashtext('import-prices'))")
  for (const [sku, price] of prices) {
    await pool.query('UPDATE products SET price = $2 WHERE sku = $1', [sku, price])
  }
  await pool.query("SELECT pg_advisory_unlock(hashtext('import-prices'))")
}
