using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>A safetensors file, its header checked and its tensors mapped into memory.</summary>
/// <remarks>
/// Opening reads the header alone; bytes of tensors are read by the operating system when they are first touched. The mapping is private:
/// writing into a tensor changes that process's copy, never the file. The file must not be shortened while mapped (replace files by
/// renaming, as <see cref="Write"/> does). Format: https://huggingface.co/docs/safetensors.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private readonly Lock gate = new();
    private readonly string path;
    private readonly long fileLength;
    private readonly Dictionary<string, SafetensorsEntry> entries;
    private Tensor? mapping;
    private bool disposed;

    private SafetensorsFile(string path, long fileLength, Dictionary<string, SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        (this.path, this.fileLength, this.entries, Metadata) = (path, fileLength, entries, metadata);
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => entries;

    /// <summary>The free text of the header; Hugging Face libraries expect <c>format</c> = <c>pt</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header: types, shapes, and that the tensors fill the file exactly.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, cut off or no safetensors file; the message names file and tensor.</exception>
    /// <exception cref="NotSupportedException">A tensor has a type other than F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        using var stream = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        var (entries, metadata) = SafetensorsHeader.Read(full, stream);
        return new SafetensorsFile(full, stream.Length, entries, metadata);
    }

    /// <summary>
    /// A tensor of the file, on the CPU, in the stored type: a view of the mapping where the offset is a multiple of the element size, else a
    /// copy. A view keeps the mapping alive after this object is disposed, until the view itself is disposed.
    /// </summary>
    /// <exception cref="KeyNotFoundException">The file holds no tensor of that name.</exception>
    /// <exception cref="IOException">The file's length changed since it was opened.</exception>
    public Tensor Read(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!entries.TryGetValue(name, out var entry))
        {
            throw new KeyNotFoundException($"{path} holds no tensor '{name}'; it holds {entries.Count} others.");
        }

        ObjectDisposedException.ThrowIf(disposed, this);
        if (entry.Length == 0)
        {
            return empty(entry.Shape, entry.Type);
        }

        using var bytes = Mapping().narrow(0, entry.Offset, entry.Length);
        using var aligned = entry.Offset % SafetensorsType.SizeOf(entry.Type) == 0 ? bytes.alias() : bytes.clone();
        using var flat = AtenOperators.ViewAs(aligned, entry.Type);
        return flat.view(entry.Shape);
    }

    /// <summary>Writes a file as the format's own library does: same order, same header, byte for byte.</summary>
    /// <param name="path">Where to; an existing file is replaced only when the new one is complete.</param>
    /// <param name="tensors">Names and tensors, of any device and layout; one at a time is brought to the CPU.</param>
    /// <param name="metadata">Free text of the header; null for <c>format</c> = <c>pt</c>, empty for none.</param>
    /// <exception cref="ArgumentException">A name is repeated, reserved (<c>__metadata__</c>) or no valid Unicode.</exception>
    /// <exception cref="NotSupportedException">A tensor's type has no name in the format.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        SafetensorsWriter.Write(path, tensors, metadata, floatType: null);

    /// <summary>Releases the mapping, except for tensors already handed out.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            mapping?.Dispose();
            mapping = null;
        }
    }

    private Tensor Mapping()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (mapping is null)
            {
                var found = new FileInfo(path);
                var length = found.Exists ? (found.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? found).Length : 0;
                if (length != fileLength)
                {
                    throw new IOException($"{path}: expected {fileLength} bytes as when it was opened, found {length}.");
                }

                mapping = from_file(path, shared: false, fileLength, ScalarType.Byte).DetachFromDisposeScope();
            }

            return mapping;
        }
    }
}
