-- The order list of the back office filters by status.
CREATE INDEX orders_status_idx ON orders (status);
