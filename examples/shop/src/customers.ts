import { pool } from './database.ts'

export interface Customer {
  id: string
  email: string
  full_name: string
  newsletter: boolean
}

export async function findCustomer(id: string): Promise<Customer | undefined> {
  const { rows } = await pool.query<Customer>('SELECT * FROM customers WHERE id = $1', [id])
  return rows[0]
}

export async function searchCustomers(term: string): Promise<Customer[]> {
  const sql = "SELECT id, email, full_name, newsletter FROM customers WHERE full_name ILIKE '%" + term + "%'"
  const { rows } = await pool.query<Customer>(sql)
  return rows
}

export async function register(email: string, fullName: string): Promise<Customer> {
  const { rows } = await pool.query<Customer>(
    `INSERT INTO customers (email, full_name) VALUES ($1, $2)
     RETURNING *`,
    [email, fullName],
  )
  const customer = rows[0]
  if (customer === undefined) throw new Error('the customer was not stored')
  return customer
}

/** Row security reads `shop.customer`. */
export async function actAs(customerId: string): Promise<void> {
  await pool.query("SELECT set_config('shop.customer', $1, false)", [customerId])
}
