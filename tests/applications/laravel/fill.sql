-- A Laravel application as in the quick start. Files: below storage_path('app'), the root of the disk "local" (Laravel 11's own
-- skeleton has storage/app/private). report.pdf: three rows with one and the same local_path; file 16 has no
-- file on disk (lost); email 20 and file 17 are moved already.

insert into emails (id, subject, sender, recipients, body, received_at, is_migrated, migration_attempts, migration_error, body_s3_path, created_at, updated_at) values
(1, 'Message 1', 'Sender 1 <sender1@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 1.\n-- \nSender 1\n', '2024-01-02 09:30:00', false, 0, null, null, '2024-01-02 09:30:00', '2024-01-02 09:30:00'),
(2, 'Message 2', 'Sender 2 <sender2@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 2.\n-- \nSender 2\n', '2024-01-03 09:30:00', false, 0, null, null, '2024-01-03 09:30:00', '2024-01-03 09:30:00'),
(3, 'Re: Grüße', 'Sender 3 <sender3@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 3.\n-- \nSender 3\n', '2024-01-04 09:30:00', false, 0, null, null, '2024-01-04 09:30:00', '2024-01-04 09:30:00'),
(4, '見積もりのお願い', 'Sender 4 <sender4@mail.example>', 'help@desk.example', E'お世話になっております。\n見積もりをお願いします。\n', '2024-01-05 09:30:00', false, 0, null, null, '2024-01-05 09:30:00', '2024-01-05 09:30:00'),
(5, 'Message 5', 'Sender 5 <sender5@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 5.\n-- \nSender 5\n', '2024-01-06 09:30:00', false, 0, null, null, '2024-01-06 09:30:00', '2024-01-06 09:30:00'),
(6, 'Message 6', 'Sender 6 <sender6@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 6.\n-- \nSender 6\n', '2024-01-07 09:30:00', false, 0, null, null, '2024-01-07 09:30:00', '2024-01-07 09:30:00'),
(7, 'Message 7', 'Sender 7 <sender7@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 7.\n-- \nSender 7\n', '2024-01-08 09:30:00', false, 0, null, null, '2024-01-08 09:30:00', '2024-01-08 09:30:00'),
(8, 'Message 8', 'Sender 8 <sender8@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 8.\n-- \nSender 8\n', '2024-01-09 09:30:00', false, 0, null, null, '2024-01-09 09:30:00', '2024-01-09 09:30:00'),
(9, 'café ☕ tonight?', 'Sender 9 <sender9@mail.example>', 'help@desk.example', E'Ça va? Señor – “quoted” … 😀\n', '2024-01-10 09:30:00', false, 0, null, null, '2024-01-10 09:30:00', '2024-01-10 09:30:00'),
(10, 'It''s "done" 100%', 'Sender 10 <sender10@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 10.\n-- \nSender 10\n', '2024-01-11 09:30:00', false, 0, null, null, '2024-01-11 09:30:00', '2024-01-11 09:30:00'),
(11, 'Message 11', 'Sender 11 <sender11@mail.example>', 'help@desk.example', null, '2024-01-12 09:30:00', false, 0, null, null, '2024-01-12 09:30:00', '2024-01-12 09:30:00'),
(12, 'Message 12', 'Sender 12 <sender12@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 12.\n-- \nSender 12\n', '2024-01-13 09:30:00', false, 0, null, null, '2024-01-13 09:30:00', '2024-01-13 09:30:00'),
(13, 'Message 13', 'Sender 13 <sender13@mail.example>', 'help@desk.example', '', '2024-01-14 09:30:00', false, 0, null, null, '2024-01-14 09:30:00', '2024-01-14 09:30:00'),
(14, '😀 photos', 'Sender 14 <sender14@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 14.\n-- \nSender 14\n', '2024-01-15 09:30:00', false, 0, null, null, '2024-01-15 09:30:00', '2024-01-15 09:30:00'),
(15, 'Message 15', 'Sender 15 <sender15@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 15.\n-- \nSender 15\n', '2024-01-16 09:30:00', false, 0, null, null, '2024-01-16 09:30:00', '2024-01-16 09:30:00'),
(16, 'שלום', 'Sender 16 <sender16@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 16.\n-- \nSender 16\n', '2024-01-17 09:30:00', false, 0, null, null, '2024-01-17 09:30:00', '2024-01-17 09:30:00'),
(17, 'Message 17', 'Sender 17 <sender17@mail.example>', 'help@desk.example', E'Hello,\n\nthis is message 17.\n-- \nSender 17\n', '2024-01-18 09:30:00', false, 0, null, null, '2024-01-18 09:30:00', '2024-01-18 09:30:00'),
(18, 'Message 18', 'Sender 18 <sender18@mail.example>', 'help@desk.example', E'back\\slash ''single'' "double" 100% $1 {brace} <tag> &amp;\n', '2024-01-19 09:30:00', false, 0, null, null, '2024-01-19 09:30:00', '2024-01-19 09:30:00'),
(19, 'Message 19', 'Sender 19 <sender19@mail.example>', 'help@desk.example', 'no newline at the end', '2024-01-20 09:30:00', false, 0, null, null, '2024-01-20 09:30:00', '2024-01-20 09:30:00'),
(20, 'Message 20', 'Sender 20 <sender20@mail.example>', 'help@desk.example', E'long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line long=line \ntrailing space \nend\n', '2024-01-21 09:30:00', true, 0, null, 'emails/20/body.txt', '2024-01-21 09:30:00', '2024-01-21 09:30:00');

insert into files (id, email_id, filename, content_type, size, local_path, s3_path, created_at, updated_at) values
(1, 1, 'report.pdf', 'application/pdf', 2023, 'attachments/shared/report.pdf', null, '2024-01-02 09:30:00', '2024-01-02 09:30:00'),
(2, 2, 'report.pdf', 'application/pdf', 2023, 'attachments/shared/report.pdf', null, '2024-01-03 09:30:00', '2024-01-03 09:30:00'),
(3, 2, 'logo.png', 'image/png', 136, 'attachments/2/logo.png', null, '2024-01-03 09:30:00', '2024-01-03 09:30:00'),
(4, 3, 'report.pdf', 'application/pdf', 2023, 'attachments/shared/report.pdf', null, '2024-01-04 09:30:00', '2024-01-04 09:30:00'),
(5, 3, 'Übersicht März.txt', 'text/plain', 53, 'attachments/3/Übersicht März.txt', null, '2024-01-04 09:30:00', '2024-01-04 09:30:00'),
(6, 5, '見積書.pdf', 'application/pdf', 102, 'attachments/5/見積書.pdf', null, '2024-01-06 09:30:00', '2024-01-06 09:30:00'),
(7, 6, 'empty.txt', 'text/plain', 0, 'attachments/6/empty.txt', null, '2024-01-07 09:30:00', '2024-01-07 09:30:00'),
(8, 7, 'one-line.csv', 'text/csv', 57, 'attachments/7/one-line.csv', null, '2024-01-08 09:30:00', '2024-01-08 09:30:00'),
(9, 8, 'one-more.csv', 'text/csv', 58, 'attachments/8/one-more.csv', null, '2024-01-09 09:30:00', '2024-01-09 09:30:00'),
(10, 9, 'naïve résumé (final).docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 306, 'attachments/9/naïve résumé (final).docx', null, '2024-01-10 09:30:00', '2024-01-10 09:30:00'),
(11, 10, 'O''Brien "quoted" 100%.txt', 'text/plain', 32, 'attachments/10/O''Brien "quoted" 100%.txt', null, '2024-01-11 09:30:00', '2024-01-11 09:30:00'),
(12, 12, 'crlf.txt', 'text/plain', 44, 'attachments/12/crlf.txt', null, '2024-01-13 09:30:00', '2024-01-13 09:30:00'),
(13, 14, 'big.bin', 'application/octet-stream', 3001, 'attachments/14/big.bin', null, '2024-01-15 09:30:00', '2024-01-15 09:30:00'),
(14, 14, '😀.gif', 'image/gif', 20, 'attachments/14/😀.gif', null, '2024-01-15 09:30:00', '2024-01-15 09:30:00'),
(15, 15, 'nul.bin', 'application/octet-stream', 7, 'attachments/15/nul.bin', null, '2024-01-16 09:30:00', '2024-01-16 09:30:00'),
(16, 16, 'latin1.dat', 'application/octet-stream', 18, 'attachments/16/latin1.dat', null, '2024-01-17 09:30:00', '2024-01-17 09:30:00'),
(17, 17, 'soft=equals.txt', 'text/plain', 256, 'attachments/17/soft=equals.txt', 'emails/17/17', '2024-01-18 09:30:00', '2024-01-18 09:30:00');

select setval(pg_get_serial_sequence('emails', 'id'), (select max(id) from emails));
select setval(pg_get_serial_sequence('files', 'id'), (select max(id) from files));
