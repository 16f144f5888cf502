ALTER TABLE orders ADD COLUMN gift_wrapping boolean NOT NULL DEFAULT false;
