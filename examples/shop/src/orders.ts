import { pool, transaction } from './database.ts'

export interface OrderItem {
  product_id: number
  quantity: number
  price_cents: number
}

export interface Order {
  id: string
  status: string
  total_cents: number
  items: OrderItem[]
}

export async function ordersOf(customerId: string): Promise<Order[]> {
  const { rows: orders } = await pool.query<Order>('SELECT * FROM orders WHERE customer_id = $1', [customerId])
  for (const order of orders) {
    const { rows } = await pool.query<OrderItem>('SELECT * FROM order_items WHERE order_id = $1', [order.id])
    order.items = rows
  }
  return orders
}

export async function placeOrder(customerId: string, items: readonly OrderItem[]): Promise<string> {
  return transaction(async (client) => {
    const total = items.reduce((sum, item) => sum + item.quantity * item.price_cents, 0)
    const { rows } = await client.query<{ id: string }>(
      'INSERT INTO orders (customer_id, total_cents) VALUES ($1, $2) RETURNING id',
      [customerId, total],
    )
    const id = rows[0]?.id
    if (id === undefined) throw new Error('the order was not stored')
    for (const item of items) {
      await client.query('INSERT INTO order_items VALUES ($1, $2, $3, $4)', [
        id,
        item.product_id,
        item.quantity,
        item.price_cents,
      ])
      await pool.query('UPDATE stock SET quantity = quantity - $2 WHERE product_id = $1', [
        item.product_id,
        item.quantity,
      ])
    }
    await client.query("SELECT pg_notify('orders', $1)", [id])
    return id
  })
}

export async function oldestOpenOrders(): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>("SELECT id FROM orders WHERE status = 'open' LIMIT 100")
  return rows.map((row) => row.id)
}
