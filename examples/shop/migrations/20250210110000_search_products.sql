ALTER TABLE products
  ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('english', name || ' ' || description)) STORED;

CREATE INDEX CONCURRENTLY products_search_idx ON products (search);
CREATE INDEX CONCURRENTLY products_attributes_idx ON products (attributes);
CREATE INDEX products_tags_idx ON products (tags);
