using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>A model in a Hugging Face folder: its configuration and its weights, in one safetensors file or in shards.</summary>
/// <remarks>Weights are read when they are asked for (<see cref="SafetensorsFile"/>).</remarks>
public sealed class ModelFolder : IDisposable
{
    /// <summary>Name of the weights where they are in one file.</summary>
    public const string WeightsFileName = "model.safetensors";

    private readonly Dictionary<string, SafetensorsFile> files;
    private readonly Dictionary<string, string> fileOf;

    private ModelFolder(string path, ModelConfig config, Dictionary<string, SafetensorsFile> files, Dictionary<string, string> fileOf)
    {
        (Path, Config, this.files, this.fileOf) = (path, config, files, fileOf);
    }

    /// <summary>The folder's full path.</summary>
    public string Path { get; }

    /// <summary>What <c>config.json</c> says.</summary>
    public ModelConfig Config { get; }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> TensorNames => fileOf.Keys;

    /// <summary>Opens a folder; headers of all weight files are checked, weights are not read.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">Configuration, weights or a shard are missing; the message says what was looked for.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or index and shards contradict each other.</exception>
    /// <exception cref="NotSupportedException">The model's family, variant, element type or file format is not supported.</exception>
    public static ModelFolder Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = System.IO.Path.GetFullPath(folder);
        if (!Directory.Exists(path))
        {
            throw new DirectoryNotFoundException($"{path} is not a folder; expected one with {ModelConfigJson.FileName} and {WeightsFileName}.");
        }

        var config = ModelConfigJson.Load(path);
        var files = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        try
        {
            return new ModelFolder(path, config, files, OpenWeights(path, files));
        }
        catch
        {
            foreach (var file in files.Values)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => fileOf.ContainsKey(name);

    /// <summary>The tensor's dimensions.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    public long[] ShapeOf(string name) => [.. files[Locate(name)].Entries[name].Shape];

    /// <summary>The tensor on the CPU in its stored type; the caller's.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    /// <exception cref="IOException">The file was changed since the folder was opened, or cannot be read; the message names it.</exception>
    public Tensor Read(string name) => files[Locate(name)].Read(name);

    /// <inheritdoc cref="SafetensorsFile.CopyTo"/>
    internal void CopyTo(string name, Tensor target) => files[Locate(name)].CopyTo(name, target);

    /// <summary>Full path of the file that holds the tensor.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    public string FileOf(string name) => System.IO.Path.Combine(Path, Locate(name));

    /// <summary>
    /// Writes <c>model.safetensors</c>, <c>config.json</c> and <c>generation_config.json</c>; floating-point tensors are converted to the
    /// configuration's <see cref="ModelConfig.StorageType"/>, one at a time. Each file is replaced only when it is complete.
    /// </summary>
    /// <exception cref="ArgumentException">A name is given twice, or <c>config.json</c> cannot express the configuration.</exception>
    /// <exception cref="IOException">The folder holds a sharded model, whose files would be mistaken for this one's.</exception>
    public static void Save(string folder, ModelConfig config, IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tensors);
        if (File.Exists(System.IO.Path.Combine(folder, ShardIndex.FileName)))
        {
            throw new IOException($"{System.IO.Path.GetFullPath(folder)} holds {ShardIndex.FileName}: a sharded model, whose files would be mistaken " +
                "for this one's. Save to another folder.");
        }

        var rendered = ModelConfigJson.Render(config); // refused before anything is written
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(System.IO.Path.Combine(folder, WeightsFileName), tensors, metadata: null, config.StorageType);
        ModelConfigJson.Write(folder, rendered);
    }

    /// <summary>Closes the files; tensors that were read stay.</summary>
    public void Dispose()
    {
        foreach (var file in files.Values)
        {
            file.Dispose();
        }
    }

    private static Dictionary<string, string> OpenWeights(string path, Dictionary<string, SafetensorsFile> files)
    {
        string In(string name) => System.IO.Path.Combine(path, name);

        if (File.Exists(In(WeightsFileName))) // wins over an index, as in transformers
        {
            files[WeightsFileName] = SafetensorsFile.Open(In(WeightsFileName));
            return files[WeightsFileName].Entries.Keys.ToDictionary(name => name, _ => WeightsFileName, StringComparer.Ordinal);
        }

        if (File.Exists(In(ShardIndex.FileName)))
        {
            return OpenShards(In(ShardIndex.FileName), ShardIndex.Read(In(ShardIndex.FileName)), In, files);
        }

        var pickles = Directory.EnumerateFiles(path).Select(f => System.IO.Path.GetFileName(f))
            .Where(f => System.IO.Path.GetExtension(f) is ".bin" or ".pt" or ".pth").Order(StringComparer.Ordinal).ToList();
        throw pickles.Count == 0
            ? new FileNotFoundException($"{path} holds neither {WeightsFileName} nor {ShardIndex.FileName}.")
            : new NotSupportedException($"{path} holds {pickles[0]} but neither {WeightsFileName} nor {ShardIndex.FileName}. Pickled weights can run any " +
                "code and are never loaded here. Convert them once where that is safe, in Python: " +
                "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)");
    }

    private static Dictionary<string, string> OpenShards(
        string index, Dictionary<string, string> map, Func<string, string> pathOf, Dictionary<string, SafetensorsFile> files)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var shard in map.Values.Distinct().Order(StringComparer.Ordinal))
        {
            if (!File.Exists(pathOf(shard)))
            {
                var tensor = map.First(m => m.Value == shard).Key;
                throw new FileNotFoundException($"{pathOf(shard)} was looked for and not found; {index} places '{tensor}' in it.", pathOf(shard));
            }

            files[shard] = SafetensorsFile.Open(pathOf(shard));
            foreach (var name in files[shard].Entries.Keys)
            {
                if (!found.TryAdd(name, shard))
                {
                    throw new InvalidDataException($"{index}: tensor '{name}': expected in one file, found in {found[name]} and in {shard}.");
                }
            }
        }

        foreach (var (name, shard) in map)
        {
            if (!found.TryGetValue(name, out var holder) || holder != shard)
            {
                throw new InvalidDataException($"{index}: tensor '{name}': expected in {shard}, found {(holder is null ? "nowhere" : $"in {holder}")}.");
            }
        }

        return found;
    }

    private string Locate(string name) => fileOf.TryGetValue(name, out var file)
        ? file
        : throw new KeyNotFoundException($"{Path} holds no tensor '{name}'; it holds {fileOf.Count} others.");
}
