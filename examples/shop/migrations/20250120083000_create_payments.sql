CREATE TABLE payments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES orders (id),
  provider text NOT NULL,
  provider_reference text NOT NULL,
  amount_cents integer NOT NULL,
  payload json NOT NULL,
  captured_at timestamptz
);

CREATE INDEX payments_order_id_idx ON payments (order_id);
CREATE UNIQUE INDEX payments_reference_key ON payments (provider, provider_reference);
