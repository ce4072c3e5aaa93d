//! The protocol, byte by byte where no driver would go.

use doublebuy::postgres::Options;
use doublebuy::rt;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

use crate::support::{connect, loopback, outside, shown, try_connect, until_it_sleeps};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

/// The kinds of the messages that come until the server is ready, or gone.
async fn kinds(stream: &mut rt::Stream) -> String {
    let mut kinds = String::new();
    loop {
        let mut head = [0; 5];
        if stream.read_exact(&mut head).await.is_err() {
            return kinds + "!";
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await.unwrap();
        kinds.push(char::from(head[0]));
        if head[0] == b'Z' {
            kinds.push(char::from(body[0]));
            return kinds;
        }
    }
}

async fn raw(address: &str) -> rt::Stream {
    let mut stream = rt::connect(address).await.unwrap();
    stream.write_all(&startup()).await.unwrap();
    assert!(kinds(&mut stream).await.ends_with("KZI"));
    stream
}

#[test]
fn encryption_is_refused_and_the_session_goes_on() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let mut stream = rt::connect(&address).await.unwrap();
        for request in [80_877_103_u32, 80_877_104] {
            let packet = [8_u32.to_be_bytes(), request.to_be_bytes()].concat();
            stream.write_all(&packet).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'N');
        }
        stream.write_all(&startup()).await.unwrap();
        assert!(kinds(&mut stream).await.ends_with("KZI"));
    });
}

#[test]
fn after_an_error_messages_are_skipped_until_sync() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let mut stream = raw(&address).await;
        let batch = [
            message(b'P', b"\0SELECT nothing\0\0\0"),
            message(b'B', b"\0\0\0\0\0\0\0\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
            message(b'P', b"\0SELECT 1\0\0\0"),
            message(b'B', b"\0\0\0\0\0\0\0\0"),
            message(b'D', b"P\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'C', b"S\0"),
            message(b'S', b""),
        ]
        .concat();
        // However it is cut, it is the same conversation.
        for part in batch.chunks(7) {
            stream.write_all(part).await.unwrap();
        }
        assert_eq!(kinds(&mut stream).await, "EZI");
        assert_eq!(kinds(&mut stream).await, "12TDC3ZI");
    });
}

#[test]
fn broken_messages_end_their_own_connection_at_most() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let bystander = connect(&address).await;
        // Bodies that are too short or too long leave the stream readable.
        for broken in [
            message(b'P', b"no end"),
            message(b'B', b"\0\0\0"),
            message(b'B', b"\0\0\0\0\xff\xff\0\0"),
            message(b'E', b""),
            message(b'D', b""),
            message(b'D', b"Xname\0"),
            message(b'E', b"\0\0\0\0\0more"),
            message(b'Q', b"no end"),
        ] {
            let mut stream = raw(&address).await;
            stream.write_all(&broken).await.unwrap();
            stream.write_all(&message(b'S', b"")).await.unwrap();
            assert_eq!(kinds(&mut stream).await, "EZI", "{broken:?}");
        }
        // An unknown kind or an impossible length does not.
        for broken in [
            message(b'?', b""),
            vec![b'Q', 0, 0, 0, 1],
            vec![b'Q', 255, 0, 0, 0],
        ] {
            let mut stream = raw(&address).await;
            stream.write_all(&broken).await.unwrap();
            assert_eq!(kinds(&mut stream).await, "E!", "{broken:?}");
        }
        let mut stream = rt::connect(&address).await.unwrap();
        stream.write_all(&[0, 0, 0, 3]).await.unwrap();
        assert_eq!(kinds(&mut stream).await, "E!");
        assert_eq!(shown(bystander.simple_query("SELECT 1").await), "(1) 1");
    });
}

#[test]
fn a_cancel_request_ends_the_statement() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let client = connect(&address).await;
        let token = client.cancel_token();
        let canceller = rt::spawn({
            let address = address.clone();
            async move {
                until_it_sleeps(&address).await;
                let stream = rt::connect(&address).await.unwrap();
                token.cancel_query_raw(stream, NoTls).await.unwrap();
            }
        });
        let slept = client.simple_query("SELECT pg_sleep(600)").await;
        assert_eq!(shown(slept), "57014");
        canceller.await.unwrap();
        assert_eq!(shown(client.simple_query("SELECT 1").await), "(1) 1");
    });
}

#[test]
fn too_many_clients_are_turned_away() {
    outside(async {
        let options = Options {
            max_connections: 2,
            ..Options::default()
        };
        let (_server, address) = loopback(options).await;
        let _first = connect(&address).await;
        let second = connect(&address).await;
        let Err(error) = try_connect(&address).await else {
            panic!("one too many");
        };
        assert_eq!(error.code().unwrap().code(), "53300");
        drop(second);
        for _ in 0..1_000 {
            if try_connect(&address).await.is_ok() {
                return;
            }
        }
        panic!("the place is not given back");
    });
}

#[test]
fn every_type_crosses_in_both_formats() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let client = connect(&address).await;
        let sql = "SELECT $1::int2, $2::int4, $3::int8, $4::float8, $5::text, $6::varchar, $7::bool, $8::int4";
        let statement = client.prepare(sql).await.unwrap();
        let types = [
            Type::INT2,
            Type::INT4,
            Type::INT8,
            Type::FLOAT8,
            Type::TEXT,
            Type::VARCHAR,
            Type::BOOL,
            Type::INT4,
        ];
        assert_eq!(statement.params(), types);
        let null: Option<i32> = None;
        let row = client
            .query_one(
                &statement,
                &[
                    &-2_i16,
                    &70_000_i32,
                    &(1_i64 << 40),
                    &0.5_f64,
                    &"text",
                    &"vc",
                    &true,
                    &null,
                ],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i16>(0), -2);
        assert_eq!(row.get::<_, i32>(1), 70_000);
        assert_eq!(row.get::<_, i64>(2), 1 << 40);
        assert_eq!(row.get::<_, f64>(3), 0.5);
        assert_eq!(row.get::<_, &str>(4), "text");
        assert_eq!(row.get::<_, &str>(5), "vc");
        assert!(row.get::<_, bool>(6));
        assert_eq!(row.get::<_, Option<i32>>(7), None);
    });
}

#[test]
fn a_portal_gives_its_rows_in_pieces() {
    outside(async {
        let (server, address) = loopback(Options::default()).await;
        server
            .run_script("CREATE TABLE n (n int); INSERT INTO n VALUES (1), (2), (3), (4), (5)")
            .unwrap();
        let mut client = connect(&address).await;
        let transaction = client.transaction().await.unwrap();
        let portal = transaction
            .bind("SELECT n FROM n ORDER BY n", &[])
            .await
            .unwrap();
        let mut sizes = Vec::new();
        loop {
            let rows = transaction.query_portal(&portal, 2).await.unwrap();
            sizes.push(rows.len());
            if rows.len() < 2 {
                break;
            }
        }
        assert_eq!(sizes, [2, 2, 1]);
        transaction.commit().await.unwrap();
        let rows = client
            .query_raw("SELECT n FROM n", Vec::<i32>::new())
            .await
            .unwrap();
        assert_eq!(rows.count().await, 5);
    });
}
