//! Everyone who is connected.
//!
//! A client is taken out while its commands run and put back after; what is
//! sent to it in the meantime waits for the end of the command.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::client::{Client, ClientId, Push};
use super::reply::Reply;
use crate::rt::Label;

#[derive(Debug, Default)]
pub(super) struct Clients {
    /// None for those whose commands run.
    all: IndexMap<ClientId, Option<Box<Client>>, FxBuildHasher>,
    last_id: ClientId,
    /// Sent to clients whose commands run.
    to_running: Vec<(ClientId, Push, Label)>,
}

impl Clients {
    pub(super) fn connect(&mut self, mut client: Client) -> ClientId {
        self.last_id += 1;
        client.id = self.last_id;
        self.all.insert(client.id, Some(Box::new(client)));
        self.last_id
    }

    pub(super) fn disconnect(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.all.swap_remove(&id).flatten()
    }

    /// How many clients have ever connected.
    pub(super) fn ever(&self) -> u64 {
        self.last_id
    }

    /// Takes a client out to run its commands; none if it is gone or out.
    pub(super) fn take(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.all.get_mut(&id)?.take()
    }

    pub(super) fn put_back(&mut self, client: Box<Client>) {
        if let Some(slot) = self.all.get_mut(&client.id) {
            *slot = Some(client);
        }
    }

    pub(super) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.all.get_mut(&id)?.as_deref_mut()
    }

    /// Everyone but those whose commands run.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.all.values().filter_map(Option::as_deref)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.all.values_mut().filter_map(Option::as_deref_mut)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Sends a client what it did not ask for.
    pub(super) fn push(&mut self, id: ClientId, message: &Reply, label: Label) {
        match self.all.get_mut(&id) {
            Some(Some(client)) => client.push(message, label),
            Some(None) => {
                let message = Push::Message(message.clone());
                self.to_running.push((id, message, label));
            }
            None => {}
        }
    }

    /// Sends a client what not everybody gets in the same form.
    pub(super) fn tell(&mut self, id: ClientId, push: Push, label: Label) {
        match self.all.get_mut(&id) {
            Some(Some(client)) => {
                if let Some(message) = client.form_of(push) {
                    client.push(&message, label);
                }
            }
            Some(None) => self.to_running.push((id, push, label)),
            None => {}
        }
    }

    /// Whether a client is there, and not about to go.
    pub(super) fn is_connected(&self, id: ClientId) -> bool {
        let client = self.all.get(&id);
        client.is_some_and(|client| {
            let client = client.as_ref();
            client.is_none_or(|client| !client.closing && !client.killed)
        })
    }

    /// Sends a client bytes that are no replies.
    pub(super) fn send(&mut self, id: ClientId, bytes: &[u8], label: Label) {
        if let Some(client) = self.get_mut(id) {
            client.send(bytes, label);
        }
    }

    /// Hands a client that is out what was sent to it.
    pub(super) fn hand_over(&mut self, client: &mut Client) {
        for (push, label) in self.take_sent_to(client.id) {
            if let Some(message) = client.form_of(push) {
                client.push(&message, label);
            }
        }
    }

    /// What was sent to a client that is out; the labels are its already.
    pub(super) fn take_pushes(&mut self, client: &mut Client) -> Vec<Reply> {
        let mut pushes = Vec::new();
        for (push, label) in self.take_sent_to(client.id) {
            if let Some(message) = client.form_of(push) {
                client.labels.push(label);
                pushes.push(message);
            }
        }
        pushes
    }

    fn take_sent_to(&mut self, client: ClientId) -> Vec<(Push, Label)> {
        if self.to_running.is_empty() {
            return Vec::new();
        }
        let sent = self.to_running.extract_if(.., |(id, _, _)| *id == client);
        sent.map(|(_, push, label)| (push, label)).collect()
    }

    /// Has everyone look again at whether they may go on.
    pub(super) fn wake_all(&self) {
        for client in self.iter() {
            client.wake.notify_one();
        }
    }
}
