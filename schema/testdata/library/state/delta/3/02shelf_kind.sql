ALTER TABLE shelves ADD COLUMN kind VARCHAR(20);
UPDATE shelves SET kind = 'wood';
