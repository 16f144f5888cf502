ALTER TABLE orders ADD COLUMN warehouse_id bigint;
ALTER TABLE orders ADD CONSTRAINT orders_warehouse_id_fkey FOREIGN KEY (warehouse_id) REFERENCES warehouses (id);
