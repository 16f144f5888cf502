-- Everything for release 2.0.

CREATE TABLE warehouses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  country char(2) NOT NULL
);

CREATE TABLE stock (
  warehouse_id bigint NOT NULL REFERENCES warehouses (id),
  product_id integer NOT NULL REFERENCES products (id),
  quantity integer NOT NULL DEFAULT 0,
  PRIMARY KEY (warehouse_id, product_id)
);

CREATE INDEX stock_product_id_idx ON stock (product_id);

CREATE TABLE coupons (
  id serial PRIMARY KEY,
  code text NOT NULL UNIQUE,
  percent_off integer NOT NULL CHECK (percent_off BETWEEN 1 AND 100),
  expires_on date
);

ALTER TABLE customers ADD COLUMN newsletter boolean NOT NULL DEFAULT false;
ALTER TABLE customers ADD COLUMN referral_code uuid DEFAULT gen_random_uuid();
ALTER TABLE customers DROP COLUMN phone;

ALTER TABLE payments ALTER COLUMN amount_cents TYPE bigint;
ALTER TABLE payments RENAME COLUMN captured_at TO settled_at;

UPDATE products SET description = 'No description yet' WHERE description = '';

CREATE FUNCTION customer_revenue(wanted bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
AS $$
  SELECT coalesce(sum(total_cents), 0) FROM orders WHERE customer_id = wanted
$$;

CREATE VIEW top_customers AS
SELECT *, customer_revenue(id) AS revenue_cents FROM customers;
