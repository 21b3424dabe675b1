// Calls the endpoint of AWS_ENDPOINT_URL with the JavaScript SDK v3 and prints what it saw as one JSON object.
import { CodeCommitClient, CreateRepositoryCommand, GetRepositoryCommand } from "@aws-sdk/client-codecommit";
import { CodePipelineClient, GetPipelineCommand, ListPipelinesCommand } from "@aws-sdk/client-codepipeline";
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";

const seen = {};
const refused = async (work) => {
  try {
    await work();
    return null;
  } catch (error) {
    return { name: error.name, status: error.$metadata?.httpStatusCode, message: error.message };
  }
};

const commit = new CodeCommitClient({});
const made = await commit.send(new CreateRepositoryCommand({ repositoryName: "from-js", repositoryDescription: "é" }));
seen.created = made.repositoryMetadata.creationDate instanceof Date;
const got = await commit.send(new GetRepositoryCommand({ repositoryName: "from-js" }));
seen.description = got.repositoryMetadata.repositoryDescription;
seen.missing = await refused(() => commit.send(new GetRepositoryCommand({ repositoryName: "none" })));

const pipeline = new CodePipelineClient({});
seen.protocol = (await pipeline.config.protocol)?.getShapeId?.() ?? "";
seen.pipelines = (await pipeline.send(new ListPipelinesCommand({}))).pipelines;
seen.noPipeline = await refused(() => pipeline.send(new GetPipelineCommand({ name: "none" })));

const s3 = new S3Client({ forcePathStyle: true });
const text = "hello ".repeat(50000);
await s3.send(new CreateBucketCommand({ Bucket: "from-js" }));
const put = await s3.send(
  new PutObjectCommand({ Bucket: "from-js", Key: "a b/é+.txt", Body: text, ContentType: "text/plain", Metadata: { one: "1" } }),
);
seen.etag = put.ETag;
const read = await s3.send(new GetObjectCommand({ Bucket: "from-js", Key: "a b/é+.txt" }));
seen.same = (await read.Body.transformToString()) === text;
seen.metadata = read.Metadata;
seen.length = (await s3.send(new HeadObjectCommand({ Bucket: "from-js", Key: "a b/é+.txt" }))).ContentLength;
seen.keys = (await s3.send(new ListObjectsV2Command({ Bucket: "from-js" }))).Contents.map((found) => found.Key);
seen.noKey = await refused(() => s3.send(new GetObjectCommand({ Bucket: "from-js", Key: "none" })));
const gone = await s3.send(
  new DeleteObjectsCommand({ Bucket: "from-js", Delete: { Objects: seen.keys.map((Key) => ({ Key })) } }),
);
seen.deleted = gone.Deleted.map((found) => found.Key);
console.log(JSON.stringify(seen));
