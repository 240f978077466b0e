INSERT INTO step_log (step) VALUES ('main 74/04a_lower.sql');
