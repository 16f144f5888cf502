ALTER TABLE orders ADD COLUMN delivery_notes text;
