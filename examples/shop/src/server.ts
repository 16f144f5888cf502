import { createServer } from 'node:http'
import { findCustomer } from './customers.ts'
import { pool } from './database.ts'
import { ordersOf } from './orders.ts'
import { capture } from './payments.ts'
import { searchProducts } from './products.ts'

const server = createServer((request, response) => {
  answer(request.url ?? '/')
    .then((body) => response.end(JSON.stringify(body)))
    .catch((error: unknown) => {
      console.error(error)
      response.writeHead(500).end()
    })
})

async function answer(path: string): Promise<unknown> {
  const url = new URL(path, 'http://shop.internal')
  const [, noun, id = ''] = url.pathname.split('/')
  switch (noun) {
    case 'customers':
      return findCustomer(id)
    case 'orders':
      return ordersOf(id)
    case 'payments':
      return capture(id)
    case 'search':
      return searchProducts(url.searchParams.get('q') ?? '')
    default:
      return {}
  }
}

/** Tells the warehouse of new orders. */
async function followOrders(): Promise<void> {
  const client = await pool.connect()
  client.on('notification', (message) => console.log(`new order ${message.payload ?? ''}`))
  await client.query('LISTEN orders')
}

await followOrders()
server.listen(8080)
