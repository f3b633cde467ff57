//! What strace tells of a program's calls, as what they did to one folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file or folder, whatever its name is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode {
    pub number: usize,
    pub is_folder: bool,
}

/// What was done, in the order it was done. Paths are those below the folder.
#[derive(Debug)]
pub enum Call {
    Write(Inode, usize, Vec<u8>),
    /// From the beginning of one file to that of another, so many bytes.
    Copy(Inode, Inode, usize),
    Resize(Inode, usize),
    /// From now on this path is that file, or nothing.
    Name(PathBuf, Option<Inode>),
    SyncFile(Inode),
    SyncFolder(PathBuf),
    /// Something was printed: it counts as acknowledged.
    Say(String),
}

/// The calls that matter, for `strace -e trace=`.
pub const CALLS: &str = "openat,open,creat,close,dup,dup2,dup3,fcntl,write,pwrite64,writev,pwritev,\
    pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,\
    rmdir,mkdir,mkdirat,link,linkat,symlink,lseek,copy_file_range,sendfile";

struct Open {
    inode: Inode,
    path: PathBuf,
    position: usize,
}

/// Follows descriptors and names.
struct Follower<'f> {
    /// The folder as the program names it.
    folder: &'f str,
    names: HashMap<PathBuf, Inode>,
    open: HashMap<i64, Open>,
    next: usize,
    calls: Vec<Call>,
}

/// Reads the output of `strace -f -xx -o`. `names` is what the folder held before.
pub fn read(trace: &str, folder: &str, names: HashMap<PathBuf, Inode>) -> Vec<Call> {
    let mut follower = Follower {
        folder,
        next: names.len() + 1,
        names,
        open: HashMap::new(),
        calls: Vec::new(),
    };
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, begun.to_owned());
        } else if rest.starts_with("<... ") {
            let end = rest.split_once(" resumed>").map_or("", |(_, end)| end);
            let begun = unfinished.remove(pid).unwrap_or_default();
            follower.line(&format!("{begun}{end}"));
        } else {
            follower.line(rest);
        }
    }
    follower.calls
}

impl Follower<'_> {
    fn line(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once('(') else {
            return;
        };
        let Some((arguments, result)) = rest.rsplit_once(") ").or(rest.rsplit_once(')')) else {
            return;
        };
        let result = result
            .trim_start_matches([' ', '='])
            .split(' ')
            .next()
            .unwrap_or("");
        let Ok(result) = result.parse::<i64>() else {
            return;
        };
        if result >= 0 {
            let arguments: Vec<_> = arguments.split(", ").map(str::trim).collect();
            self.call(name, &arguments, result);
        }
    }

    fn call(&mut self, name: &str, arguments: &[&str], result: i64) {
        let number = |at: usize| arguments[at].parse::<i64>().unwrap_or(-1);
        let size = |at: usize| usize::try_from(number(at)).unwrap();
        match name {
            "openat" => self.opened(text(arguments[1]), arguments[2], result),
            "open" => self.opened(text(arguments[0]), arguments[1], result),
            "close" => drop(self.open.remove(&number(0))),
            "write" if number(0) == 1 => {
                let said = String::from_utf8_lossy(&bytes(arguments[1])).into_owned();
                self.calls.push(Call::Say(said));
            }
            "write" => self.write(number(0), None, bytes(arguments[1]), result),
            "pwrite64" => self.write(number(0), Some(size(3)), bytes(arguments[1]), result),
            "ftruncate" => {
                if let Some(open) = self.open.get(&number(0)) {
                    self.calls.push(Call::Resize(open.inode, size(1)));
                }
            }
            "lseek" => {
                if let Some(open) = self.open.get_mut(&number(0)) {
                    open.position = usize::try_from(result).unwrap();
                }
            }
            "copy_file_range" => self.copied(number(0), number(2), result),
            "fsync" | "fdatasync" => self.sync(number(0)),
            "rename" => self.renamed(&text(arguments[0]), &text(arguments[1])),
            "renameat" | "renameat2" => self.renamed(&text(arguments[1]), &text(arguments[3])),
            "unlink" | "rmdir" => self.gone(&text(arguments[0])),
            "unlinkat" => self.unlinked_at(arguments),
            "mkdir" => self.made(&text(arguments[0])),
            "mkdirat" => self.made(&text(arguments[1])),
            "fcntl" if arguments[1].starts_with("F_DUPFD") => {
                assert!(
                    !self.open.contains_key(&number(0)),
                    "a descriptor was doubled"
                );
            }
            // Room ahead of the end, or a look at a descriptor.
            "fallocate" | "fcntl" => {}
            other => {
                let ours = |a: &&str| self.open.contains_key(&a.parse().unwrap_or(-1));
                assert!(!arguments.iter().any(ours), "{other} is not followed");
            }
        }
    }

    fn inside(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path).strip_prefix(self.folder).ok()?;
        Some(path.to_path_buf())
    }

    fn new_inode(&mut self, path: &Path, is_folder: bool) -> Inode {
        self.next += 1;
        let number = self.next;
        let inode = Inode { number, is_folder };
        self.names.insert(path.into(), inode);
        self.calls.push(Call::Name(path.into(), Some(inode)));
        inode
    }

    fn opened(&mut self, path: String, flags: &str, descriptor: i64) {
        self.open.remove(&descriptor);
        let Some(path) = self.inside(&path) else {
            return;
        };
        let is_folder = path.as_os_str().is_empty();
        let inode = match self.names.get(&path) {
            Some(inode) => *inode,
            None if is_folder => Inode {
                number: 0,
                is_folder,
            },
            None => self.new_inode(&path, false),
        };
        if flags.contains("O_TRUNC") {
            self.calls.push(Call::Resize(inode, 0));
        }
        let position = 0;
        self.open.insert(
            descriptor,
            Open {
                inode,
                path,
                position,
            },
        );
    }

    fn write(&mut self, descriptor: i64, at: Option<usize>, mut data: Vec<u8>, written: i64) {
        let Some(open) = self.open.get_mut(&descriptor) else {
            return;
        };
        data.truncate(usize::try_from(written).unwrap());
        let start = at.unwrap_or(open.position);
        if at.is_none() {
            open.position += data.len();
        }
        self.calls.push(Call::Write(open.inode, start, data));
    }

    fn copied(&mut self, from: i64, to: i64, size: i64) {
        let (Some(from), Some(to)) = (self.open.get(&from), self.open.get(&to)) else {
            return;
        };
        let (from, to, size) = (from.inode, to.inode, usize::try_from(size).unwrap());
        if size > 0 {
            self.calls.push(Call::Copy(from, to, size));
        }
    }

    fn sync(&mut self, descriptor: i64) {
        let Some(open) = self.open.get(&descriptor) else {
            return;
        };
        self.calls.push(match open.inode.is_folder {
            true => Call::SyncFolder(open.path.clone()),
            false => Call::SyncFile(open.inode),
        });
    }

    fn renamed(&mut self, from: &str, to: &str) {
        let (Some(from), Some(to)) = (self.inside(from), self.inside(to)) else {
            return;
        };
        let inode = self.names.remove(&from).expect("it was there");
        self.names.insert(to.clone(), inode);
        self.calls.push(Call::Name(from, None));
        self.calls.push(Call::Name(to, Some(inode)));
    }

    fn gone(&mut self, path: &str) {
        if let Some(path) = self.inside(path) {
            self.names.remove(&path);
            self.calls.push(Call::Name(path, None));
        }
    }

    fn unlinked_at(&mut self, arguments: &[&str]) {
        let name = text(arguments[1]);
        match arguments[0].parse::<i64>() {
            Err(_) => self.gone(&name),
            Ok(descriptor) => {
                let Some(open) = self.open.get(&descriptor) else {
                    return;
                };
                let path = Path::new(self.folder).join(&open.path).join(name);
                self.gone(&path.to_string_lossy());
            }
        }
    }

    fn made(&mut self, path: &str) {
        if let Some(path) = self
            .inside(path)
            .filter(|path| !path.as_os_str().is_empty())
        {
            self.new_inode(&path, true);
        }
    }
}

/// `"\x61\x62"`
fn bytes(quoted: &str) -> Vec<u8> {
    assert!(!quoted.ends_with("..."), "strace left something out");
    let digits = quoted.trim_matches('"').replace("\\x", "");
    hex::decode(&digits).unwrap_or_else(|e| panic!("{e}: {quoted}"))
}

fn text(quoted: &str) -> String {
    String::from_utf8(bytes(quoted)).unwrap()
}
