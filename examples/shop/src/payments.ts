import { transaction } from './database.ts'

interface Capture {
  reference: string
  amountCents: number
}

const provider = process.env['PAYMENT_URL'] ?? 'https://pay.example/v1'

export async function capture(orderId: string): Promise<Capture> {
  return transaction(async (client) => {
    const { rows } = await client.query<{ total_cents: number }>(
      'SELECT total_cents FROM orders WHERE id = $1 FOR UPDATE',
      [orderId],
    )
    const total = rows[0]?.total_cents
    if (total === undefined) throw new Error(`there is no order ${orderId}`)
    const answer = await fetch(`${provider}/captures`, {
      method: 'POST',
      body: JSON.stringify({ order: orderId, amount: total }),
    })
    const captured = (await answer.json()) as Capture
    await client.query(
      `INSERT INTO payments (order_id, provider, provider_reference, amount_cents, payload)
       VALUES ($1, 'example', $2, $3, $4)`,
      [orderId, captured.reference, captured.amountCents, JSON.stringify(captured)],
    )
    await client.query("UPDATE orders SET status = 'paid' WHERE id = $1", [orderId])
    return captured
  })
}

export async function removeUnsettled(): Promise<void> {
  await transaction(async (client) => {
    await client.query('CREATE TEMPORARY TABLE settled AS SELECT id FROM payments WHERE settled_at IS NOT NULL')
    await client.query('DELETE FROM payments WHERE id NOT IN (SELECT id FROM settled)')
  })
}
