/* callsealctl against a daemon that has one reply for each command: what it
 * writes, and its exit status. */
#include "daemon/base/buf.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX 16384

static struct {
	char dir[64], path[96];
	pid_t daemon;
	char output[OUTPUT_MAX];
} t;

static const struct {
	const char *cmd, *reply;
} replies[] = {
	{ "\"status\"", "{\"ok\":true,\"status\":{\"version\":\"9.9\","
	  "\"uptime_s\":3723.5,\"draining\":false,\"calls\":1,\"calls_max\":20,"
	  "\"count\":{\"started\":5,\"refused\":4,\"up\":3,\"ended\":2,"
	  "\"failed\":1,\"hung_up\":0,\"late\":0},\"processes\":{\"keeper\":"
	  "{\"up\":true,\"epoch\":7,\"starts\":2},\"relay\":{\"up\":false,"
	  "\"epoch\":0,\"starts\":1}},\"guard\":{\"scanner\":17},"
	  "\"tls\":{\"expires\":1800000000}}}\n" },
	{ "\"ended\"", "{\"ok\":true,\"calls\":[{\"state\":\"refused\","
	  "\"direction\":\"in\",\"caller\":\"sip:e\\u001b[31mvil@x\","
	  "\"callee\":\"sip:b@b\",\"ended\":1700000000.5,\"status\":488,"
	  "\"cause\":\"Not Acceptable Here\",\"trouble\":\"wrong key\"}]}\n" },
	{ "\"calls\"", "{\"ok\":true,\"calls\":[{\"id\":\"100000001\","
	  "\"state\":\"up\",\"direction\":\"out\","
	  "\"verdict\":\"sealed\",\"caller\":"
	  "\"sip:alice@a.example\",\"callee\":\"sip:bob@b.example\",\"since\":"
	  "1700000000.0},{\"id\":\"2\",\"state\":\"setup\",\"direction\":"
	  "\"in\",\"caller\":\"c\",\"callee\":\"d\","
	  "\"since\":1700000000}]}\n" },
	{ "\"call\"", "{\"ok\":true,\"call\":{\"id\":\"1\",\"state\":\"up\","
	  "\"caller\":\"sip:a@a\",\"callee\":\"sip:b@b\",\"peer\":\"b\","
	  "\"suite\":\"AEAD_AES_128_GCM\",\"since\":1700000000,\"streams\":["
	  "{\"line\":1,\"stream\":3,\"local_inside\":\"127.0.0.1:4\","
	  "\"local_outside\":\"127.0.0.1:8\",\"inside\":{\"packets_in\":10,"
	  "\"packets_out\":20,\"dropped_auth\":1,\"dropped_replay\":2,"
	  "\"remote\":\"127.0.0.9:9\"},\"key_send\":{\"id\":\"300000001\","
	  "\"ssrc\":\"0000abcd\",\"roc\":2,\"packets\":70000,\"rtcp\":3,"
	  "\"packets_left\":281474976640000,\"rtcp_left\":2147483645}}],"
	  "\"method\":\"mikey-psk\",\"chosen\":\"the profile has no other\","
	  "\"key_bits\":256}}\n" },
	{ "\"registrations\"", "{\"ok\":true,\"registrations\":[{"
	  "\"account\":\"alice@a.example\",\"kind\":\"local\","
	  "\"phone\":\"10.1.1.1:5062\","
	  "\"transport\":\"tcp\",\"contact\":\"sip:al\\u0007@10.1.1.1\","
	  "\"since\":1700000000.5,\"expires\":1700000600.5}]}\n" },
	{ "\"accounts\"", "{\"ok\":true,\"accounts\":[{\"name\":"
	  "\"us@t.example\",\"peer\":\"far\",\"state\":\"registered\","
	  "\"expires\":5},{\"name\":\"b\",\"peer\":\"far\",\"state\":"
	  "\"trying\",\"trouble\":\"no answer\"}]}\n" },
	{ "\"sas\"", "{\"ok\":true,\"sas\":{\"tunnels\":[{\"tunnel\":3,"
	  "\"call\":\"4d\",\"state\":\"raised\",\"local\":\"10.1.1.1:40000\","
	  "\"peer\":\"b\",\"remote\":\"10.2.2.2:50000\",\"suite\":"
	  "\"AES_128_GCM\",\"in\":{\"spi\":\"0x00001001\",\"packets\":7},"
	  "\"out\":{\"spi\":\"0x00007777\",\"packets\":9},\"left_s\":3500,"
	  "\"udp\":\"10.2.2.2:61001\","
	  "\"elsewhere\":\"10.3.3.3:4501\"},"
	  "{\"tunnel\":4,\"call\":\"4d\",\"state\":\"reserved\",\"in\":"
	  "{\"spi\":\"0x00001002\"}}],\"block_policies\":12,\"foreign\":["
	  "{\"spi\":\"0x00000abc\",\"source\":\"1.1.1.1\",\"destination\":"
	  "\"2.2.2.2\"}],\"foreign_count\":40,\"foreign_policies\":["
	  "\"10.1.0.0/16 to 0.0.0.0/0, priority 7: all\"],"
	  "\"charon\":[{\"connection\":"
	  "\"cs-b\",\"state\":\"INSTALLED\",\"peer\":\"b\",\"remote\":"
	  "\"10.2.2.2:500\",\"suite\":\"AES_GCM_16-128\",\"in\":{\"spi\":"
	  "\"0x00001003\",\"packets\":1},\"out\":{\"spi\":\"0x00007778\","
	  "\"packets\":2},\"left_s\":60},{\"connection\":\"office\","
	  "\"state\":\"CONNECTING\",\"remote\":\"10.3.3.3:500\"}],"
	  "\"charon_count\":2,\"charon_down\":[{\"peer\":\"c\",\"why\":"
	  "\"it has another pre-shared key\"}]}}\n" },
	{ "\"peers\"", "{\"ok\":true,\"peers\":[{\"name\":\"far\","
	  "\"match\":\"*@b\",\"profile\":\"p\",\"need\":\"require\","
	  "\"keepalive_s\":30,\"servers\":[{\"server\":\"sip:one\","
	  "\"state\":\"down\",\"ipsec\":\"unknown\","
	  "\"trouble\":\"no answer\"},{\"server\":"
	  "\"sip:two\",\"state\":\"up\",\"rests_s\":7,\"ipsec\":\"yes\","
	  "\"said\":{\"at\":4102444800.5,\"ike\":true,\"esp\":true,"
	  "\"ike_address\":\"192.0.2.9\",\"esp_address\":\"192.0.2.1\"}},"
	  "{\"server\":\"sip:three\",\"state\":\"up\",\"ipsec\":\"no\","
	  "\"said\":{\"at\":4102444800,\"ike\":false,\"esp\":false}}]},"
	  "{\"name\":\"near\","
	  "\"match\":\"*\",\"profile\":\"q\",\"need\":\"forbid\","
	  "\"keepalive_s\":0,\"servers\":[]}]}\n" },
	{ "\"hangup\"", "{\"ok\":false,\"error\":\"no such call\"}\n" },
	{ "\"rekey\",\"id\":\"1\"", "{\"ok\":true,\"call\":{\"id\":\"1\","
	  "\"method\":\"mikey-psk\",\"suite\":\"S\",\"rekeys\":3}}\n" },
	{ "\"rekey\",\"id\":\"2\"", "{\"ok\":false,\"error\":"
	  "\"no new keys: 503\"}\n" },
	{ "\"reload\"", "rubbish\n" },
};

static void serve(int fd)
{
	char request[4096];
	ssize_t n;

	while ((n = read(fd, request, sizeof request - 1)) > 0) {
		request[n] = 0;
		for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
			if (strstr(request, replies[i].cmd)) {
				n = write(fd, replies[i].reply,
					  strlen(replies[i].reply));
				break;
			}
	}
	close(fd);
}

static int setup(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, one;

	(void)state;
	strcpy(t.dir, "/tmp/callseal-ctl-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.path, sizeof t.path, "%s/control.sock", t.dir);
	strcpy(sa.sun_path, t.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 4), 0);
	t.daemon = fork();
	assert_true(t.daemon >= 0);
	if (!t.daemon) {
		alarm(120);
		while ((one = accept(fd, NULL, NULL)) >= 0)
			serve(one);
		_exit(0);
	}
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(t.daemon, 9);
	waitpid(t.daemon, NULL, 0);
	unlink(t.path);
	rmdir(t.dir);
	return 0;
}

/* Runs callsealctl with these words; its exit status. */
static int ctl(const char *words)
{
	char line[2048];
	FILE *f;
	size_t n;

	snprintf(line, sizeof line, "exec 2>&1; TZ=UTC0 ./ctl/callsealctl "
		 "--run-dir %s %s", t.dir, words);
	f = popen(line, "r");
	assert_non_null(f);
	n = fread(t.output, 1, sizeof t.output - 1, f);
	t.output[n] = 0;
	return WEXITSTATUS(pclose(f));
}

static void has(const char *text)
{
	if (!strstr(t.output, text))
		fail_msg("\"%s\" is not in:\n%s", text, t.output);
}

static void status(void **state)
{
	(void)state;
	assert_int_equal(ctl("status"), 0);
	has("version      9.9\n");
	has("uptime       1:02:03\n");
	has("keeper       up, started 2 times\n");
	has("relay        not there\n");
	has("calls        1 of 20\n");
	has("failed 1, refused 4");
	assert_int_equal(ctl("--json status"), 0);
	has("\"calls_max\": 20");
}

static void calls(void **state)
{
	(void)state;
	assert_int_equal(ctl("calls"), 0);
	has("ID         STATE  DIR  VERDICT  AGE");
	has("100000001  up     out  sealed   ");
	has("2          setup  in   -        ");
	assert_int_equal(ctl("calls --json"), 0);
	assert_int_equal(t.output[0], '[');
}

static void ended(void **state)
{
	(void)state;
	assert_int_equal(ctl("calls --ended"), 0);
	has("2023-11-14 22:13:20  488     in   -        sip:e?[31mvil@x");
	has("wrong key\n");
	assert_null(strchr(t.output, 27));
}

static void one_call(void **state)
{
	(void)state;
	assert_int_equal(ctl("call 1"), 0);
	has("suite        AEAD_AES_128_GCM\n");
	has("method       mikey-psk\nchosen       the profile has no other\n");
	has("key strength 256 bits\n");
	has("  seals    key 300000001, SSRC 0000abcd, rollover counter 2, "
	    "70000 packets and 3 of RTCP, 281474976640000 and 2147483645 "
	    "left\n");
	has("line 1: stream 3, inside 127.0.0.1:4, outside 127.0.0.1:8\n");
	has("inside   in 10 packets, out 20, dropped 3, remote 127.0.0.9:9\n");
}

static void registrations(void **state)
{
	(void)state;
	assert_int_equal(ctl("registrations"), 0);
	has("ACCOUNT          KIND   PHONE              EXPIRES IN  "
	    "CONTACT\n");
	has("alice@a.example  local  tcp 10.1.1.1:5062  0:00:00     "
	    "sip:al?@10");
	assert_int_equal(ctl("--json registrations"), 0);
	has("\"account\": \"alice@a.example\"");
}

static void accounts(void **state)
{
	(void)state;
	assert_int_equal(ctl("accounts"), 0);
	has("ACCOUNT       PEER  STATE       EXPIRES IN  TROUBLE\n");
	has("us@t.example  far   registered  0:00:00     -\n");
	has("b             far   trying      -           no answer\n");
}

static void sas(void **state)
{
	(void)state;
	assert_int_equal(ctl("sas"), 0);
	has("CALL  PEER  STATE     REMOTE          SUITE        "
	    "SPI IN, OUT            PACKETS IN, OUT  KEYS LEFT\n");
	has("4d    b     raised    10.2.2.2:50000  AES_128_GCM  "
	    "0x00001001 0x00007777  7 9              0:58:20\n");
	has("4d    -     reserved  -               -            "
	    "0x00001002 -           0 0              -\n");
	has("tunnel 3 of b comes from 10.3.3.3:4501, too, and is not sent "
	    "there\n");
	has("12 policies keep all but ESP");
	has("40 SAs of ESP in the kernel are not ours:\n"
	    "  0x00000abc from 1.1.1.1 to 2.2.2.2\n"
	    "policies of other programs let what tunnels are for pass in "
	    "clear:\n"
	    "  10.1.0.0/16 to 0.0.0.0/0, priority 7: all\n");
	has("SAs of strongSwan: 2\n"
	    "PEER        CONNECTION  STATE       REMOTE        SUITE           "
	    "SPI IN, OUT            PACKETS IN, OUT  KEYS LEFT\n"
	    "b           cs-b        INSTALLED   10.2.2.2:500  "
	    "AES_GCM_16-128  0x00001003 0x00007778  1 2              "
	    "0:01:00\n"
	    "(not ours)  office      CONNECTING  10.3.3.3:500  -               "
	    "- -                    0 0              -\n"
	    "no tunnel to c: it has another pre-shared key\n");
	assert_int_equal(ctl("--json sas"), 0);
	has("\"left_s\": 3500");
}

static void peers(void **state)
{
	(void)state;
	assert_int_equal(ctl("peers"), 0);
	has("PEER  PROFILE  NEED     STATE          IPSEC                      "
	    "                   NEXT HOP   TROUBLE\n");
	has("far   p        require  down           unknown                    "
	    "                   sip:one    no answer\n");
	has("far   p        require  up, rests 7 s  yes ike 192.0.2.9 esp "
	    "192.0.2.1, 0:00:00 ago  sip:two    -\n");
	has("far   p        require  up             no, 0:00:00 ago  ");
	has("near  q        forbid   -              -                          "
	    "                   -          -\n");
	assert_int_equal(ctl("--json peers"), 0);
	has("\"keepalive_s\": 30");
}

static void new_keys(void **state)
{
	(void)state;
	assert_int_equal(ctl("rekey 1"), 0);
	has("call 1 has new keys (mikey-psk, S); changes so far: 3\n");
	assert_int_equal(ctl("rekey 2"), 1);
	has("callsealctl: no new keys: 503\n");
	assert_int_equal(ctl("rekey"), 2);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(ctl("hangup 1"), 1);
	has("callsealctl: no such call\n");
	assert_int_equal(ctl("reload"), 3);
	has("did not answer");
}

static void usage(void **state)
{
	static const char *const wrong[] = {
		"", "fly", "--fly status", "status 1", "call", "call 1 2",
		"--watch hangup 1", "--ended status", "registrations 1",
		"mikey", "mikey encode",
		"mikey decode a b", "--socket", "--key x status",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (ctl(wrong[i]) != 2)
			fail_msg("\"%s\" is no wrong usage", wrong[i]);
	assert_int_equal(ctl("--help"), 0);
	has("mikey decode");
	assert_int_equal(ctl("--version"), 0);
}

static void unreachable(void **state)
{
	(void)state;
	assert_int_equal(ctl("--socket /nonexistent/sock status"), 3);
	has("is callseald running?");
}

/* The first message of RFC 4567 section 5.1, and what it is cut down to. */
static void decode(void **state)
{
	static const char whole[] =
		"AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2UaDX8ZE2"
		"2YwKAAAPZG9uYWxkQGR1Y2suY29tAQAAAAAAAQAk0JKpgaVkDaawi9whVBtB"
		"t0KZ14ymNuu62+Nv3ozPLygwK/GbAV9iemnGUIZ19fWQUOSrzKTAv9zV";
	char words[512];

	(void)state;
	snprintf(words, sizeof words, "mikey decode %s", whole);
	assert_int_equal(ctl(words), 0);
	has("donald@duck.com");
	snprintf(words, sizeof words, "mikey decode <<'X'\n"
		 "INVITE sip:b@b SIP/2.0\nContent-Length: 9\n\nv=0\n"
		 "a=key-mgmt:mikey %s\nm=audio 4 RTP/SAVP 0\n"
		 "a=key-mgmt:mikey %s\nX\n", whole, whole);
	assert_int_equal(ctl(words), 0);
	assert_non_null(strstr(strstr(t.output, "donald") + 6, "donald"));
	assert_int_equal(ctl("mikey decode AQAFgM0XflABAAAA"), 1);
	has("MIKEY message");
	has("callsealctl: malformed from byte 11 of the message on");
	assert_int_equal(ctl("mikey decode '!!'"), 1);
	has("not base64");
	/* longer than a file's name may be */
	snprintf(words, sizeof words, "mikey decode AQAFgM0X%0300d", 0);
	assert_int_equal(ctl(words), 1);
	has("MIKEY message");
	assert_int_equal(ctl("mikey decode - </dev/null"), 1);
	assert_int_equal(ctl("mikey decode 'a=key-mgmt:mikey AQAFgM0XflAB"
			     "AAAA'"), 1);
	has("12 bytes");
}

/* An exchange by our own code, in a file, under the key that it has. */
static void check(void **state)
{
	(void)state;
	assert_int_equal(system("tests/call/mikey_sample mikey-psk | sed "
				"'s/^/a=key-mgmt:mikey /;s/offer //;"
				"s/answer //' >test_ctl.sdp && printf "
				"30313233343536373839616263646566 "
				">test_ctl.psk && printf "
				"31313233343536373839616263646566 "
				">test_ctl.bad"), 0);
	assert_int_equal(ctl("mikey decode --key test_ctl.psk test_ctl.sdp"),
			 0);
	has("line 1 (session): a=key-mgmt: MIKEY message");
	has("check: MAC holds: made with this pre-shared key");
	has("check: KEMAC holds: it opens: a TGK of 16 bytes, no salt");
	assert_int_equal(ctl("--json mikey decode --key test_ctl.psk "
			     "test_ctl.sdp"), 0);
	has("\"where\": \"line 2 (session): a=key-mgmt\"");
	has("\"section\": \"RFC 3830 6.2\"");
	has("\"result\": \"holds\"");
	assert_int_equal(ctl("mikey decode --key test_ctl.bad test_ctl.sdp"),
			 1);
	has("check: MAC wrong: made with another key");
	assert_int_equal(ctl("mikey decode --key test_ctl.sdp test_ctl.sdp"),
			 2);
	has("test_ctl.sdp: holds");
	assert_int_equal(ctl("mikey decode --ca nowhere test_ctl.sdp"), 2);
	has("nowhere: No such file");
	assert_int_equal(ctl("mikey decode --ca test_ctl.psk test_ctl.sdp"),
			 2);
	unlink("test_ctl.sdp");
	unlink("test_ctl.psk");
	unlink("test_ctl.bad");
}

/* One line of the text format: a comment, or NAME{LABEL="VALUE",...} NUMBER. */
static void each_line_is_a_metric(void)
{
	regex_t is;
	int lines = 0;

	assert_int_equal(regcomp(&is, "^(# (HELP|TYPE) callseal_[a-z_]+ .+|"
		"callseal_[a-z_]+([{][a-z]+=\"([^\"\\\\]|\\\\.)*\""
		"(,[a-z]+=\"([^\"\\\\]|\\\\.)*\")*[}])? "
		"[-+.0-9e]+)$", REG_EXTENDED), 0);
	for (char *at = strtok(t.output, "\n"); at; at = strtok(NULL, "\n"))
		if (regexec(&is, at, 0, NULL, 0))
			fail_msg("no metric: %s", at);
		else
			lines++;
	assert_true(lines > 20);
	regfree(&is);
}

static void metrics(void **state)
{
	(void)state;
	assert_int_equal(ctl("metrics"), 0);
	has("# TYPE callseal_calls gauge\ncallseal_calls 1\n");
	has("callseal_calls_total{event=\"refused\"} 4\n");
	has("callseal_guard_total{reason=\"scanner\"} 17\n");
	has("callseal_calls_up{verdict=\"sealed\"} 1\n");
	has("callseal_process_up{process=\"relay\"} 0\n");
	has("callseal_tls_certificate_expires_timestamp_seconds 1800000000\n");
	has("callseal_registrations ");
	has("callseal_server_up{peer=\"");
	each_line_is_a_metric();
	assert_int_equal(ctl("metrics now"), 2);
	assert_int_equal(ctl("metrics --json"), 2);
}

static void digest(void **state)
{
	(void)state;
	assert_int_equal(ctl("digest alice a.example <<'X'\n"
			     "wonderland\nX"), 0);
	assert_string_equal(t.output,
		"alice:a.example:296f2f27e5eb48e6f0fe4ba1363a3107\n"
		"alice:a.example:d9030225365ecb2137cf096055a83eb6"
		"ec2c341e124e8eff9853e6c9d76dfbcb\n");
	assert_int_equal(ctl("digest alice a.example </dev/null"), 1);
	has("no password");
	assert_int_equal(ctl("digest a:b a.example </dev/null"), 1);
	assert_int_equal(ctl("digest alice"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status), cmocka_unit_test(calls),
		cmocka_unit_test(ended), cmocka_unit_test(one_call),
		cmocka_unit_test(registrations),
		cmocka_unit_test(accounts),
		cmocka_unit_test(sas),
		cmocka_unit_test(peers),
		cmocka_unit_test(metrics),
		cmocka_unit_test(new_keys),
		cmocka_unit_test(refused), cmocka_unit_test(usage),
		cmocka_unit_test(unreachable), cmocka_unit_test(decode),
		cmocka_unit_test(check), cmocka_unit_test(digest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
