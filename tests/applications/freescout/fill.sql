-- FreeScout 1.8.235. Files: below storage_path('app'), which is storage/app/: attachment/{file_dir}{file_name}; file_dir ends
-- with a slash. No shared blobs: a forwarded attachment is a copied file (three here). Rows 19 (no thread yet) and
-- thread 21 (line item, no body) are not mail. [ #/] in names became _.

insert into threads (id, conversation_id, user_id, type, status, state, body, headers, "from", "to", has_attachments, message_id, source_via, source_type, customer_id, created_by_user_id, created_by_customer_id, edited_at, body_original, "first", created_at, updated_at) values
(1, 2, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 1</b> &amp; more.</p>', E'From: Sender 1 <sender1@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 1\r\nMessage-ID: <m1.2024@mail.example>\r\n\r\n', 'sender1@mail.example', '["help@desk.example"]', true, 'm1.2024@mail.example', 1, 1, 1, null, 1, null, null, true, '2024-01-02 09:30:00', '2024-01-02 09:30:00'),
(2, 3, 1, 1, 1, 2, '<p>See <img src="https://desk.example/storage/attachment/8/7/1/logo.png?id=3&token=0000000000000000000000000000000000000000000000000000000000000000"> below</p>', E'From: Sender 2 <sender2@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 2\r\nMessage-ID: <m2.2024@mail.example>\r\n\r\n', 'sender2@mail.example', '["help@desk.example"]', true, 'm2.2024@mail.example', 1, 1, 1, null, 1, null, null, true, '2024-01-03 09:30:00', '2024-01-03 09:30:00'),
(3, 4, 1, 2, 1, 2, '<p>Hello,</p><p>this is <b>message 3</b> &amp; more.</p>', null, null, '["help@desk.example"]', true, 'm3.2024@mail.example', 2, 2, 1, 1, null, null, null, true, '2024-01-04 09:30:00', '2024-01-04 09:30:00'),
(4, 5, 1, 1, 1, 2, '<p>お世話になっております。</p>', E'From: Sender 4 <sender4@mail.example>\r\nTo: help@desk.example\r\nSubject: 見積もりのお願い\r\nMessage-ID: <m4.2024@mail.example>\r\n\r\n', 'sender4@mail.example', '["help@desk.example"]', false, 'm4.2024@mail.example', 1, 1, 1, null, 1, null, null, true, '2024-01-05 09:30:00', '2024-01-05 09:30:00'),
(5, 1, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 5</b> &amp; more.</p>', E'From: Sender 5 <sender5@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 5\r\nMessage-ID: <m5.2024@mail.example>\r\n\r\n', 'sender5@mail.example', '["help@desk.example"]', true, 'm5.2024@mail.example', 1, 1, 1, null, 1, null, null, true, '2024-01-06 09:30:00', '2024-01-06 09:30:00'),
(6, 2, 1, 2, 1, 2, '<p>Hello,</p><p>this is <b>message 6</b> &amp; more.</p>', null, null, '["help@desk.example"]', true, 'm6.2024@mail.example', 2, 2, 1, 1, null, null, null, false, '2024-01-07 09:30:00', '2024-01-07 09:30:00'),
(7, 3, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 7</b> &amp; more.</p>', E'From: Sender 7 <sender7@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 7\r\nMessage-ID: <m7.2024@mail.example>\r\n\r\n', 'sender7@mail.example', '["help@desk.example"]', true, 'm7.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-08 09:30:00', '2024-01-08 09:30:00'),
(8, 4, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 8</b> &amp; more.</p>', E'From: Sender 8 <sender8@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 8\r\nMessage-ID: <m8.2024@mail.example>\r\n\r\n', 'sender8@mail.example', '["help@desk.example"]', true, 'm8.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-09 09:30:00', '2024-01-09 09:30:00'),
(9, 5, 1, 1, 1, 2, '<p>edited</p>', E'From: Sender 9 <sender9@mail.example>\r\nTo: help@desk.example\r\nSubject: café ☕ tonight?\r\nMessage-ID: <m9.2024@mail.example>\r\n\r\n', 'sender9@mail.example', '["help@desk.example"]', true, 'm9.2024@mail.example', 1, 1, 1, null, 1, '2024-01-10 09:30:00', '<p>Hello,</p><p>this is <b>message 9</b> &amp; more.</p>', false, '2024-01-10 09:30:00', '2024-01-10 09:30:00'),
(10, 1, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 10</b> &amp; more.</p>', E'From: Sender 10 <sender10@mail.example>\r\nTo: help@desk.example\r\nSubject: It''s "done" 100%\r\nMessage-ID: <m10.2024@mail.example>\r\n\r\n', 'sender10@mail.example', '["help@desk.example"]', true, 'm10.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-11 09:30:00', '2024-01-11 09:30:00'),
(11, 2, 1, 1, 1, 2, null, E'From: Sender 11 <sender11@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 11\r\nMessage-ID: <m11.2024@mail.example>\r\n\r\n', 'sender11@mail.example', '["help@desk.example"]', false, 'm11.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-12 09:30:00', '2024-01-12 09:30:00'),
(12, 3, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 12</b> &amp; more.</p>', E'From: Sender 12 <sender12@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 12\r\nMessage-ID: <m12.2024@mail.example>\r\n\r\n', 'sender12@mail.example', '["help@desk.example"]', true, 'm12.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-13 09:30:00', '2024-01-13 09:30:00'),
(13, 4, 1, 1, 1, 2, '', E'From: Sender 13 <sender13@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 13\r\nMessage-ID: <m13.2024@mail.example>\r\n\r\n', 'sender13@mail.example', '["help@desk.example"]', false, 'm13.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-14 09:30:00', '2024-01-14 09:30:00'),
(14, 5, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 14</b> &amp; more.</p>', E'From: Sender 14 <sender14@mail.example>\r\nTo: help@desk.example\r\nSubject: 😀 photos\r\nMessage-ID: <m14.2024@mail.example>\r\n\r\n', 'sender14@mail.example', '["help@desk.example"]', true, 'm14.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-15 09:30:00', '2024-01-15 09:30:00'),
(15, 1, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 15</b> &amp; more.</p>', E'From: Sender 15 <sender15@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 15\r\nMessage-ID: <m15.2024@mail.example>\r\n\r\n', 'sender15@mail.example', '["help@desk.example"]', true, 'm15.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-16 09:30:00', '2024-01-16 09:30:00'),
(16, 2, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 16</b> &amp; more.</p>', E'From: Sender 16 <sender16@mail.example>\r\nTo: help@desk.example\r\nSubject: שלום\r\nMessage-ID: <m16.2024@mail.example>\r\n\r\n', 'sender16@mail.example', '["help@desk.example"]', true, 'm16.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-17 09:30:00', '2024-01-17 09:30:00'),
(17, 3, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 17</b> &amp; more.</p>', E'From: Sender 17 <sender17@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 17\r\nMessage-ID: <m17.2024@mail.example>\r\n\r\n', 'sender17@mail.example', '["help@desk.example"]', true, 'm17.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-18 09:30:00', '2024-01-18 09:30:00'),
(18, 4, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 18</b> &amp; more.</p>', E'From: Sender 18 <sender18@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 18\r\nMessage-ID: <m18.2024@mail.example>\r\n\r\n', 'sender18@mail.example', '["help@desk.example"]', false, 'm18.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-19 09:30:00', '2024-01-19 09:30:00'),
(19, 5, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 19</b> &amp; more.</p>', E'From: Sender 19 <sender19@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 19\r\nMessage-ID: <m19.2024@mail.example>\r\n\r\n', 'sender19@mail.example', '["help@desk.example"]', false, 'm19.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-20 09:30:00', '2024-01-20 09:30:00'),
(20, 1, 1, 1, 1, 2, '<p>Hello,</p><p>this is <b>message 20</b> &amp; more.</p>', E'From: Sender 20 <sender20@mail.example>\r\nTo: help@desk.example\r\nSubject: Message 20\r\nMessage-ID: <m20.2024@mail.example>\r\n\r\n', 'sender20@mail.example', '["help@desk.example"]', true, 'm20.2024@mail.example', 1, 1, 1, null, 1, null, null, false, '2024-01-21 09:30:00', '2024-01-21 09:30:00'),
(21, 1, 1, 4, 6, 2, null, null, null, null, false, null, 2, 2, 1, 1, null, null, null, false, '2024-01-22 09:30:00', '2024-01-22 09:30:00');

insert into attachments (id, thread_id, user_id, file_dir, file_name, mime_type, type, size, embedded, token_type) values
(1, 1, null, '4/4/1/', 'report.pdf', 'application/pdf', 3, 2023, false, 3),
(2, 2, null, '8/1/1/', 'report.pdf', 'application/pdf', 3, 2023, false, 3),
(3, 2, null, '8/7/1/', 'logo.png', 'image/png', 5, 136, true, 3),
(4, 3, 1, '8/7/1/', 'report.pdf', 'application/pdf', 3, 2023, false, 3),
(5, 3, 1, '4/3/1/', 'Übersicht_März.txt', 'text/plain', 0, 53, false, 3),
(6, 5, null, '1/6/1/', '見積書.pdf', 'application/pdf', 3, 102, false, 3),
(7, 6, 1, '8/1/1/', 'empty.txt', 'text/plain', 0, 0, false, 3),
(8, 7, null, '9/0/1/', 'one-line.csv', 'text/csv', 0, 57, false, 3),
(9, 8, null, '4/5/1/', 'one-more.csv', 'text/csv', 0, 58, false, 3),
(10, 9, null, '3/9/1/', 'naïve_résumé_(final).docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 3, 306, false, 3),
(11, 10, null, '6/5/1/', 'O''Brien_"quoted"_100%.txt', 'text/plain', 0, 32, false, 3),
(12, 12, null, '2/0/1/', 'crlf.txt', 'text/plain', 0, 44, false, 3),
(13, 14, null, '5/1/1/', 'big.bin', 'application/octet-stream', 3, 3001, false, 3),
(14, 14, null, '3/2/1/', '😀.gif', 'image/gif', 5, 20, false, 3),
(15, 15, null, '9/3/1/', 'nul.bin', 'application/octet-stream', 3, 7, false, 3),
(16, 16, null, '7/4/1/', 'latin1.dat', 'application/octet-stream', 3, 18, false, 3),
(17, 17, null, '7/0/1/', 'soft=equals.txt', 'text/plain', 0, 256, false, 3),
(18, 20, null, '6/4/1/', 'one-more.csv', 'text/csv', 0, 58, false, 3),
(19, null, 1, '1/0/1/', 'O''Brien_"quoted"_100%.txt', 'text/plain', 0, 32, false, 3);

select setval(pg_get_serial_sequence('threads', 'id'), (select max(id) from threads));
select setval(pg_get_serial_sequence('attachments', 'id'), (select max(id) from attachments));
