UPDATE orders SET status = lower(status);

ALTER TABLE orders ADD CONSTRAINT orders_status_check CHECK (status IN ('open', 'paid', 'shipped', 'cancelled'));
ALTER TABLE orders ALTER COLUMN total_cents SET NOT NULL;
