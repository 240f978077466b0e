INSERT INTO step_log (step) VALUES ('main 73/10login_tokens.sql');
