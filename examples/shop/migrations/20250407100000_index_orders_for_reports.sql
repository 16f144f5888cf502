CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_placed_at_idx ON orders (placed_at);
CREATE INDEX CONCURRENTLY orders_total_idx ON orders USING brin (total_cents);
DROP INDEX orders_status_idx;
