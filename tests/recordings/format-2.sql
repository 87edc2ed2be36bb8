BEGIN TRANSACTION;
CREATE TABLE ended (              -- tid 0: the process; else a thread of one that goes on
    tick INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL
);
INSERT INTO "ended" VALUES(3,300,0);
INSERT INTO "ended" VALUES(8,400,0);
CREATE TABLE explanations (explanation_id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO "explanations" VALUES(1,'Why gil-bound.');
INSERT INTO "explanations" VALUES(2,'Why many-threads.');
INSERT INTO "explanations" VALUES(3,'Why gil-bound.');
INSERT INTO "explanations" VALUES(4,'Why gil-bound.');
INSERT INTO "explanations" VALUES(5,'Why gil-bound.');
INSERT INTO "explanations" VALUES(6,'Why gil-bound.');
INSERT INTO "explanations" VALUES(7,'Why gil-bound.');
CREATE TABLE findings (           -- of each tick
    tick INTEGER NOT NULL,
    kind TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    process TEXT NOT NULL,
    severity REAL NOT NULL,       -- from 50 on a problem
    grade TEXT NOT NULL,          -- how sure it is
    title TEXT NOT NULL,
    explanation_id INTEGER NOT NULL,
    more TEXT NOT NULL            -- JSON: evidence, tids, next_command
);
INSERT INTO "findings" VALUES(2,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',1,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(2,'many-threads',300,1000,X'636166E9201B5B324A0A',20.0,'exact',X'6D616E792D7468726561647320696E20636166E9201B5B324A0A',2,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[300],"next_command":""}');
INSERT INTO "findings" VALUES(3,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact','gil-bound, more',1,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(4,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact','gil-bound, more',3,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(7,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',4,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(8,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',4,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(9,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',4,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(10,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',5,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(11,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',5,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(12,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',5,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(13,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',6,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(14,'gil-bound',300,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',6,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[300],"next_command":""}');
INSERT INTO "findings" VALUES(14,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',6,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(15,'gil-bound',300,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',6,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[300],"next_command":""}');
INSERT INTO "findings" VALUES(15,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',6,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
INSERT INTO "findings" VALUES(16,'gil-bound',300,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',7,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[300],"next_command":""}');
INSERT INTO "findings" VALUES(16,'gil-bound',100,1000,X'636166E9201B5B324A0A',60.0,'exact',X'67696C2D626F756E6420696E20636166E9201B5B324A0A',7,'{"evidence":[["share","97 %"],["thread","caf\udce9 \u001b[2J\n"]],"tids":[100],"next_command":""}');
CREATE TABLE looks (              -- what was looked at besides: NULL where it no longer was
    tick INTEGER NOT NULL,
    kind TEXT NOT NULL,           -- gil, waits, blocked, locks, gil_places
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL,         -- 0; in format 1 blocked had a row for each thread
    facts TEXT,                   -- JSON
    tallies BLOB,                 -- by thread, packed (recording/packing.py): in the first row of a
                                  -- pid since a key tick as they were, in others as differences to that
    moments BLOB                  -- JSON, deflated: who held the GIL when; what threads are blocked on, by tid, where
                                  -- that changed (null: no longer); locks, or as [place, count] those in the last row
                                  -- of the pid that told them whole, where tallies is not NULL
);
INSERT INTO "looks" VALUES(2,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":1000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":100,"locked":0,"switches":1050}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014600B9FF0E0000000000000002000000000000000000000000000000016401000102FF01640001090001010001020001030001550001000101000101000201000301000401000501000658D80264',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(3,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":2000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":200,"locked":45,"switches":1100}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801013D00C2FF0E0000000000000002000000000000000100000000000000016502016401030202C800C800012805010101010202010303029A00BD00000000000000005D5B040D',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(3,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":2000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801013000CFFF0C000000000000000200000000000000000000000000000001650200010A0401070000010300000001000400000000000E030097',NULL);
INSERT INTO "looks" VALUES(4,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":2000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":200,"locked":45,"switches":1100}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014A00B5FF0E00000000000000020000000000000000000000000000000165020001020202C800C800012805010101010202010303029A00BD00010100010100010200010300010400010500010600839F03C3',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(4,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":2000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801013000CFFF0C000000000000000200000000000000000000000000000001650200010A0401070000010300000001000400000000000E030097',NULL);
INSERT INTO "looks" VALUES(4,'locks',100,0,'{"pid":100,"start_ticks":1000,"at_ns":3000000000,"why_not":"","remedy":"","left_out":1,"lately_waits":3}',X'',X'7801012102DEFD5B5B7B2261646472657373223A343039362C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130312C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130332C2273696E63655F6E73223A333030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D2C7B2261646472657373223A383139322C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130332C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130312C2273696E63655F6E73223A333030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D5D2C5B7B2261646472657373223A343039362C226B696E64223A226D75746578222C227761697473223A327D5D5DAE9BB5D6');
INSERT INTO "looks" VALUES(4,'blocked',100,0,'{}',NULL,X'7801013500CAFF7B22313031223A7B2263616C6C223A226675746578222C226675746578223A31383434363630333333363232313230303338347D7D92030E63');
INSERT INTO "looks" VALUES(4,'gil_places',100,0,'[[18446603336221200384,18446603336221200472]]',NULL,NULL);
INSERT INTO "looks" VALUES(5,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":4000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":400,"locked":91,"switches":1200}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801013D00C2FF0E0000000000000002000000000000000100000000000000016501016701000202C800900101320101000101000201000302960089010000000000000055DD039E',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(5,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":4000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801012900D6FF0C000000000000000100000000000000000000000000000001650001140114000000000000000000000A91009E',NULL);
INSERT INTO "looks" VALUES(6,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":5000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":500,"locked":92,"switches":1250}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801013D00C2FF0E00000000000000020000000000000001000000000000000165010167010002022C01F40101330101000101000201000302F900ED010000000000000056EC042F',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(6,'locks',100,0,'{"pid":100,"start_ticks":1000,"at_ns":5000000000,"why_not":"","remedy":"","left_out":1,"lately_waits":3}',X'',X'7801012102DEFD5B5B7B2261646472657373223A343039362C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130312C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130332C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D2C7B2261646472657373223A383139322C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130332C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130312C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D5D2C5B7B2261646472657373223A343039362C226B696E64223A226D75746578222C227761697473223A327D5D5DB32DB5DA');
INSERT INTO "looks" VALUES(6,'blocked',100,0,'{}',NULL,X'7801011E00E1FF7B22313031223A7B2263616C6C223A2272656164222C226664223A337D7D809B08A2');
INSERT INTO "looks" VALUES(6,'blocked',200,0,'{}',NULL,X'7801010A00F5FF7B22323030223A7B7D7D0E840301');
INSERT INTO "looks" VALUES(7,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":6000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":600,"locked":100,"switches":1300}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014A00B5FF0E0000000000000002000000000000000000000000000000016502000102020258025802015C0801010101020201030302F6014A02010100010100010200010300010400010500010600673A030A',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(7,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":4000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801013000CFFF0C000000000000000200000000000000000000000000000001650200011E04011B00000103000000010004000000000010BF00BF',NULL);
INSERT INTO "looks" VALUES(7,'locks',100,0,'{"pid":100,"start_ticks":1000,"at_ns":5000000000,"why_not":"","remedy":"","left_out":1,"lately_waits":3}',X'',X'7801012102DEFD5B5B7B2261646472657373223A343039362C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130312C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130332C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D2C7B2261646472657373223A383139322C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130332C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130312C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D5D2C5B7B2261646472657373223A343039362C226B696E64223A226D75746578222C227761697473223A327D5D5DB32DB5DA');
INSERT INTO "looks" VALUES(7,'blocked',100,0,'{}',NULL,X'7801011E00E1FF7B22313031223A7B2263616C6C223A2272656164222C226664223A337D7D809B08A2');
INSERT INTO "looks" VALUES(7,'blocked',200,0,'{}',NULL,X'7801010A00F5FF7B22323030223A7B7D7D0E840301');
INSERT INTO "looks" VALUES(7,'gil_places',100,0,'[[18446603336221200384,18446603336221200472]]',NULL,NULL);
INSERT INTO "looks" VALUES(8,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":7000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":700,"locked":104,"switches":1350}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801013000CFFF0E0000000000000002000000000000000000000000000000016502000001646401030100000001616300000000000000210C020C',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(8,'gil',400,0,'{"pid":400,"start_ticks":777,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":7000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":700,"locked":3,"switches":1350}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014C00B3FF0E0000000000000002000000000000000000000000000000029001D5FE000102FF02BC02000001030001010001020001030002B3020000010001010001010002010003010004010005010006DAF4051A',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(10,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":4000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801013000CFFF0C000000000000000200000000000000000000000000000001650200011E04011B00000103000000010004000000000010BF00BF',NULL);
INSERT INTO "looks" VALUES(10,'locks',100,0,'{"pid":100,"start_ticks":1000,"at_ns":5000000000,"why_not":"","remedy":"","left_out":1,"lately_waits":3}',X'',X'7801012102DEFD5B5B7B2261646472657373223A343039362C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130312C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130332C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D2C7B2261646472657373223A383139322C22736861726564223A22222C226B696E64223A226D75746578222C226F776E65725F746964223A3130332C226F776E65725F706964223A3130302C2269735F636F6E6669726D6564223A747275652C227761697473223A5B7B22746964223A3130312C2273696E63655F6E73223A353030303030303030302C2269735F61745F6C65617374223A66616C73652C2274696D656F75745F6E73223A6E756C6C2C2269735F666F7265766572223A747275652C2269735F636F6E6669726D6564223A747275652C22756E74696C5F6E73223A6E756C6C7D5D2C22656E6465645F746964223A6E756C6C7D5D2C5B7B2261646472657373223A343039362C226B696E64223A226D75746578222C227761697473223A327D5D5DB32DB5DA');
INSERT INTO "looks" VALUES(10,'blocked',100,0,'{}',NULL,X'7801011E00E1FF7B22313031223A7B2263616C6C223A2272656164222C226664223A337D7D809B08A2');
INSERT INTO "looks" VALUES(10,'blocked',200,0,'{}',NULL,X'7801010A00F5FF7B22323030223A7B7D7D0E840301');
INSERT INTO "looks" VALUES(10,'gil_places',100,0,'[[18446603336221200384,18446603336221200472]]',NULL,NULL);
INSERT INTO "looks" VALUES(11,'gil',100,0,'{"pid":100,"start_ticks":1000,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":2,"at_ns":10000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":1000,"locked":4,"switches":1500}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801013900C6FF0E0000000000000001000000000000000000000000000000016500010202E803010401010102010302DE030101010101020103010401050106399A0274',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(11,'waits',100,0,'{"pid":100,"start_ticks":1000,"began":1,"at_ns":10000000000,"why_not":"yama","remedy":"be root","tells_gil":true,"kinds":["gil","lock","disk","network","pipe","poll","sleep","child","stopped","other","unknown"]}',X'7801012900D6FF0C0000000000000001000000000000000000000000000000016500010101010000000000000000000008C90078',NULL);
INSERT INTO "looks" VALUES(12,'blocked',200,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(12,'waits',100,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(12,'blocked',100,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(12,'gil_places',100,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(12,'locks',100,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(12,'gil',100,0,NULL,NULL,NULL);
INSERT INTO "looks" VALUES(14,'gil',300,0,'{"pid":300,"start_ticks":900,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":13000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":1300,"locked":3,"switches":1650}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014C00B3FF0E0000000000000002000000000000000000000000000000022C0139FF000102FF0214050000010300010100010200010300020B0500000100010100010100020100030100040100050100067E2702D1',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
INSERT INTO "looks" VALUES(16,'gil',300,0,'{"pid":300,"start_ticks":900,"grade":"exact","why_not":"","remedy":"","version":"3.12.3","began":1,"at_ns":13000000000,"has_looks":true,"locks":[{"interpreters":[0],"is_enabled":true,"interval_us":5000,"rounds":1300,"locked":3,"switches":1650}],"holder_call":null,"machine":"x86_64","idents":{"140737488355329":100}}',X'7801014C00B3FF0E0000000000000002000000000000000000000000000000022C0139FF000102FF0214050000010300010100010200010300020B0500000100010100010100020100030100040100050100067E2702D1',X'7801014000BFFF5B5B2D33303030303030302C5B3130305D2C5B5D5D2C5B2D32303030303030302C5B3130325D2C5B5D5D2C5B2D31303030303030302C5B3130315D2C5B5D5D5DE62A0F54');
CREATE TABLE meta (
    key TEXT PRIMARY KEY,         -- threadtop, hostname, machine, kernel, clock_ticks_per_s, page_bytes
    value TEXT
);
INSERT INTO "meta" VALUES('threadtop','0.1.0');
INSERT INTO "meta" VALUES('hostname','box');
INSERT INTO "meta" VALUES('machine','x86_64');
INSERT INTO "meta" VALUES('kernel','6.18.44-fc-v657');
INSERT INTO "meta" VALUES('clock_ticks_per_s','100');
INSERT INTO "meta" VALUES('page_bytes','4096');
CREATE TABLE process_samples (
    process_row INTEGER PRIMARY KEY,  -- counts on from tick to tick
    tick INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    cpu_ns INTEGER,               -- CPU time of all its threads, ended ones too
    rss_bytes INTEGER NOT NULL,
    vsize_bytes INTEGER NOT NULL,
    read_ns INTEGER NOT NULL      -- when, relative to at_ns of the tick
);
INSERT INTO "process_samples" VALUES(1,1,1,'S',0,67108864,1073741824,0);
INSERT INTO "process_samples" VALUES(2,1,2,'S',NULL,67108864,1073741824,0);
INSERT INTO "process_samples" VALUES(3,1,3,'S',0,67108864,1073741824,0);
INSERT INTO "process_samples" VALUES(4,2,1,'S',7,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(5,3,1,'S',14,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(6,4,1,'S',21,67108864,1073741824,2000002);
INSERT INTO "process_samples" VALUES(7,4,2,'S',NULL,67108864,1073741824,-3000000000);
INSERT INTO "process_samples" VALUES(8,5,1,'S',28,67108864,1073741824,2000002);
INSERT INTO "process_samples" VALUES(9,5,4,'S',0,67108864,1073741824,2000002);
INSERT INTO "process_samples" VALUES(10,6,1,'S',35,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(11,7,1,'S',35,67108864,1073741824,-997999997);
INSERT INTO "process_samples" VALUES(12,7,2,'S',NULL,67108864,1073741824,-6000000000);
INSERT INTO "process_samples" VALUES(13,7,5,'S',7,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(14,8,6,'S',0,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(15,10,1,'S',35,67108864,1073741824,-3997999997);
INSERT INTO "process_samples" VALUES(16,10,2,'S',NULL,67108864,1073741824,-9000000000);
INSERT INTO "process_samples" VALUES(17,10,6,'S',0,67108864,1073741824,-1997999997);
INSERT INTO "process_samples" VALUES(18,11,1,'S',42,67108864,1073741824,2000004);
INSERT INTO "process_samples" VALUES(19,11,7,'S',0,67108864,1073741824,2000003);
INSERT INTO "process_samples" VALUES(20,12,1,'S',49,67108864,1073741824,2000004);
INSERT INTO "process_samples" VALUES(21,13,7,'S',0,67108864,1073741824,-1997999997);
INSERT INTO "process_samples" VALUES(22,14,7,'R',7,5,6,2000001);
INSERT INTO "process_samples" VALUES(23,15,7,'R',14,5,6,2000001);
INSERT INTO "process_samples" VALUES(24,16,7,'R',14,5,6,-997999999);
CREATE TABLE processes (          -- what seldom changes: a new row where it did
    process_id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL, -- since boot; pid and this name a process for good
    ppid INTEGER NOT NULL,
    uid INTEGER,
    name TEXT NOT NULL,           -- text that is not UTF-8 is a BLOB, here and below
    command TEXT NOT NULL,
    kernel INTEGER NOT NULL
);
INSERT INTO "processes" VALUES(1,100,1000,1,1000,'server','/usr/bin/server --port 80',0);
INSERT INTO "processes" VALUES(2,200,1000,2,NULL,'server','',1);
INSERT INTO "processes" VALUES(3,300,1000,1,1000,X'636166E9201B5B324A0A',X'72756E20636166E9201B5B324A0A',0);
INSERT INTO "processes" VALUES(4,400,400,1,0,'server','/usr/bin/server --port 80',0);
INSERT INTO "processes" VALUES(5,400,400,7,1001,'other','other --exec',0);
INSERT INTO "processes" VALUES(6,400,777,1,1000,'server','another',0);
INSERT INTO "processes" VALUES(7,300,900,1,1000,'server','/usr/bin/server --port 80',0);
CREATE TABLE thread_samples (
    thread_row INTEGER PRIMARY KEY,  -- counts on from tick to tick
    tick INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    run_ns INTEGER,               -- on a CPU, since it began (schedstat)
    wait_ns INTEGER,              -- in run queues, since it began
    utime_ticks INTEGER NOT NULL,
    stime_ticks INTEGER NOT NULL,
    vol INTEGER,                  -- context switches since it began; NULL was not read
    invol INTEGER,
    last_cpu INTEGER NOT NULL,
    wchan TEXT,
    read_ns INTEGER NOT NULL
);
INSERT INTO "thread_samples" VALUES(1,1,1,'S',0,0,0,0,0,0,0,NULL,0);
INSERT INTO "thread_samples" VALUES(2,1,2,'S',0,0,0,0,0,0,0,NULL,0);
INSERT INTO "thread_samples" VALUES(3,1,3,'S',0,0,0,0,0,0,0,NULL,0);
INSERT INTO "thread_samples" VALUES(4,1,4,'S',NULL,NULL,0,0,NULL,NULL,0,NULL,0);
INSERT INTO "thread_samples" VALUES(5,1,5,'S',0,0,0,0,0,0,0,NULL,0);
INSERT INTO "thread_samples" VALUES(6,2,2,'S',300000000,0,30,0,3,1,0,'futex_wait_queue',2000003);
INSERT INTO "thread_samples" VALUES(7,3,2,'S',800000000,0,80,0,6,2,0,'futex_wait_queue',2000003);
INSERT INTO "thread_samples" VALUES(8,3,6,'S',0,0,0,0,0,0,0,NULL,2000003);
INSERT INTO "thread_samples" VALUES(9,4,1,'S',0,0,0,0,0,0,0,NULL,-3000000000);
INSERT INTO "thread_samples" VALUES(10,4,2,'S',800000000,0,80,0,6,2,0,'futex_wait_queue',-997999997);
INSERT INTO "thread_samples" VALUES(11,4,6,'R',20000000,0,2,0,3,1,0,NULL,2000002);
INSERT INTO "thread_samples" VALUES(12,4,4,'S',NULL,NULL,0,0,NULL,NULL,0,NULL,-3000000000);
INSERT INTO "thread_samples" VALUES(13,5,7,'S',801000000,0,80,0,9,3,0,'futex_wait_queue',2000002);
INSERT INTO "thread_samples" VALUES(14,5,8,'S',0,0,0,0,0,0,0,NULL,2000002);
INSERT INTO "thread_samples" VALUES(15,5,9,'S',0,0,0,0,0,0,0,NULL,-4000000000);
INSERT INTO "thread_samples" VALUES(16,6,6,'D',20000000,0,2,0,3,1,0,NULL,2000003);
INSERT INTO "thread_samples" VALUES(17,7,1,'S',0,0,0,0,0,0,0,NULL,-6000000000);
INSERT INTO "thread_samples" VALUES(18,7,7,'S',801000000,0,80,0,9,3,0,'futex_wait_queue',-997999997);
INSERT INTO "thread_samples" VALUES(19,7,6,'D',20000000,0,2,0,3,1,0,NULL,-997999997);
INSERT INTO "thread_samples" VALUES(20,7,8,'S',0,0,0,0,0,0,0,NULL,-1997999998);
INSERT INTO "thread_samples" VALUES(21,7,4,'S',NULL,NULL,0,0,NULL,NULL,0,NULL,-6000000000);
INSERT INTO "thread_samples" VALUES(22,7,9,'S',5000000,0,0,0,3,1,0,NULL,2000003);
INSERT INTO "thread_samples" VALUES(23,8,10,'S',0,0,0,0,0,0,0,NULL,-7000000000);
INSERT INTO "thread_samples" VALUES(24,10,1,'S',0,0,0,0,0,0,0,NULL,-9000000000);
INSERT INTO "thread_samples" VALUES(25,10,7,'S',801000000,0,80,0,9,3,0,'futex_wait_queue',-3997999997);
INSERT INTO "thread_samples" VALUES(26,10,6,'D',20000000,0,2,0,3,1,0,NULL,-3997999997);
INSERT INTO "thread_samples" VALUES(27,10,8,'S',0,0,0,0,0,0,0,NULL,-4997999998);
INSERT INTO "thread_samples" VALUES(28,10,4,'S',NULL,NULL,0,0,NULL,NULL,0,NULL,-9000000000);
INSERT INTO "thread_samples" VALUES(29,10,10,'S',0,0,0,0,0,0,0,NULL,-9000000000);
INSERT INTO "thread_samples" VALUES(30,11,11,'S',0,0,0,0,0,0,0,NULL,2000004);
INSERT INTO "thread_samples" VALUES(31,11,12,'S',0,0,0,0,0,0,0,NULL,-10000000000);
INSERT INTO "thread_samples" VALUES(32,12,7,'S',1800000000,0,180,0,12,4,0,'futex_wait_queue',2000004);
INSERT INTO "thread_samples" VALUES(33,12,8,'S',1000000,0,0,0,3,1,0,NULL,2000004);
INSERT INTO "thread_samples" VALUES(34,13,12,'S',0,0,0,0,0,0,0,NULL,-12000000000);
INSERT INTO "thread_samples" VALUES(35,15,12,'S',100000000,0,10,0,3,1,0,NULL,2000001);
INSERT INTO "thread_samples" VALUES(36,16,12,'S',100000000,0,10,0,3,1,0,NULL,-997999999);
CREATE TABLE threads (
    thread_id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    tid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    nice INTEGER NOT NULL,
    rt_priority INTEGER NOT NULL,
    policy INTEGER NOT NULL       -- sched(7)
);
INSERT INTO "threads" VALUES(1,100,100,100,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(2,100,101,101,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(3,100,102,102,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(4,200,200,1000,'kworker/0:1',20,0,0,1);
INSERT INTO "threads" VALUES(5,300,300,1000,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(6,100,103,103,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(7,100,101,101,X'636166E9201B5B324A0A',20,5,0,0);
INSERT INTO "threads" VALUES(8,100,102,400,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(9,400,400,400,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(10,400,400,777,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(11,100,103,1001,'worker',20,0,0,0);
INSERT INTO "threads" VALUES(12,300,300,900,'worker',20,0,0,0);
CREATE TABLE ticks (
    tick INTEGER PRIMARY KEY,     -- counts from 1
    time REAL NOT NULL,           -- seconds since 1970, UTC
    at_ns INTEGER NOT NULL,       -- CLOCK_MONOTONIC at the start of the pass: rates divide by its differences
    is_key INTEGER NOT NULL,      -- 1: every process and thread has a row in this tick
    first_process_row INTEGER NOT NULL,  -- process_row and thread_row from which
    first_thread_row INTEGER NOT NULL,   -- the rows of this tick stand
    rereads BLOB,                 -- packed (recording/packing.py), by tid: pid and read_ns of threads that were
                                  -- read again and had not changed
    host TEXT NOT NULL,           -- JSON: load, cpu and cores in seconds since boot, memory, pressure
    cost TEXT NOT NULL            -- JSON: what threadtop itself cost, and its notes
);
INSERT INTO "ticks" VALUES(1,1767268800.0,0,1,1,1,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":0,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":0,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
INSERT INTO "ticks" VALUES(2,1767268801.0,1000000000,0,4,6,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":1,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":1,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":null}');
INSERT INTO "ticks" VALUES(3,1767268802.0,2000000000,0,5,7,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":2,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":2,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(4,1767268803.0,3000000000,1,6,9,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":3,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":3,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(5,1767268804.0,4000000000,0,8,13,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":4,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":4,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(6,1767268805.0,5000000000,0,10,16,X'7801012200DDFF02000000000000000100000000000000000000000000000001650001640483841E000A5E01F8','{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":5,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":5,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(7,1767268806.0,6000000000,1,11,17,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":6,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":6,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(8,1767268807.0,7000000000,0,14,23,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":7,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":7,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(9,1767268808.0,8000000000,0,15,24,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":8,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":8,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(10,1767268809.0,9000000000,1,15,24,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":9,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":9,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(11,1767268810.0,10000000000,0,18,30,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":10,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":10,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":{"cpu_ns":1000000,"rounds_per_s":99.0},"wait_watch":{"cpu_ns":5,"rounds_per_s":25.0}}');
INSERT INTO "ticks" VALUES(12,1767268811.0,11000000000,0,20,32,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":11,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":11,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
INSERT INTO "ticks" VALUES(13,1767268812.0,12000000000,1,21,34,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":12,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":12,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
INSERT INTO "ticks" VALUES(14,1767268813.0,13000000000,0,22,35,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":13,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":13,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
INSERT INTO "ticks" VALUES(15,1767268814.0,14000000000,0,23,35,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":14,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":14,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
INSERT INTO "ticks" VALUES(16,1767268815.0,15000000000,1,24,36,NULL,'{"hostname":"box","boot_time":1767265200.0,"load":[0.5,0.25,0.1],"cpu":{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},"cores":[{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0},{"user":0.0,"system":0.0,"iowait":0.0,"steal":0.0,"idle":0.0}],"switches":15,"memory_total_bytes":8589934592,"memory_used_bytes":2147483648,"swap_total_bytes":0,"swap_used_bytes":0,"pressure_cpu":null,"pressure_io":null,"pressure_memory":null,"cgroup":null}','{"pass_ns":2000000,"own_cpu_ns":15,"reads":{"stat":3},"descriptors":4,"notes":[],"watch":null,"wait_watch":null}');
CREATE TABLE users (uid INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO "users" VALUES(0,'root');
INSERT INTO "users" VALUES(1000,'www');
INSERT INTO "users" VALUES(1001,'gäst');
CREATE INDEX ended_by_tick ON ended (tick);
CREATE INDEX looks_by_tick ON looks (tick);
CREATE INDEX findings_by_tick ON findings (tick);
CREATE VIEW thread_rows AS        -- for people: one thread in one tick, with its names
    SELECT tick, datetime(ticks.time, 'unixepoch') AS utc, pid, tid, threads.name, state, run_ns, wait_ns,
           vol, invol, last_cpu, wchan
    FROM thread_samples JOIN threads USING (thread_id) JOIN ticks USING (tick);
COMMIT;
