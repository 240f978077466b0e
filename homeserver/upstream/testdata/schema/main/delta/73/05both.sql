INSERT INTO step_log (step) VALUES ('main 73/05both.sql');
